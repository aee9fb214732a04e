package rollback

import (
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// owns reports whether a change is one that the files make by their own words. What only
// CASCADE, a trigger or another session can have done is not.
func owns(files []migrate.File, all []pg.Change, c pg.Change) bool {
	return slices.ContainsFunc(statementsOf(files), func(st statement) bool { return st.makes(c) }) || goesAlong(files, all, c)
}

// statement is a statement of a file with every name in it, also those in code it runs.
type statement struct {
	sqlscan.Statement
	words map[string]bool
}

func statementsOf(files []migrate.File) []statement {
	var all []statement
	for _, f := range files {
		opaque := opaqueStatements(f)
		for _, st := range f.Statements {
			depth := 0
			if slices.ContainsFunc(opaque, func(o sqlscan.Statement) bool { return o.Start == st.Start }) {
				depth = codeDepth
			}
			s := statement{Statement: st, words: map[string]bool{}}
			wordsOf(st.Tokens, s.words, depth)
			all = append(all, s)
		}
	}
	return all
}

// makes reports whether the statement speaks of the change.
func (st statement) makes(c pg.Change) bool {
	switch c.Kind {
	case pg.KindDefaultPrivilege, pg.KindDefaultRevoked:
		return st.Begins("ALTER", "DEFAULT", "PRIVILEGES")
	case pg.KindOwner, pg.KindGrant, pg.KindRevoked, pg.KindComment, pg.KindSecurityLabel:
		return st.words[bareName(c.Of.Name)] && st.verbIn("GRANT", "REVOKE", "COMMENT", "ALTER", "REASSIGN", "SECURITY")
	}
	if !st.words[bareName(c.Name)] {
		return false
	}
	switch c.Kind {
	case pg.KindColumn, pg.KindColumnOrder, pg.KindConstraint, pg.KindTrigger, pg.KindPolicy, pg.KindRule:
		if !st.words[bareName(c.Of.Name)] {
			return false // a column id is in many tables
		}
	}
	switch c.Op {
	case pg.Removed:
		return st.verbIn("DROP", "ALTER")
	case pg.Added:
		return st.verbIn("CREATE", "ALTER", "SELECT", "WITH", "IMPORT")
	}
	return st.verbIn("CREATE", "ALTER", "DROP", "CLUSTER")
}

// verbIn reports whether the statement begins with one of the words, or runs code.
func (st statement) verbIn(verbs ...string) bool {
	for _, v := range append(verbs, "DO", "CALL") {
		if st.Begins(v) {
			return true
		}
	}
	return false
}

// goesAlong reports whether the object is an index, a key or the like on a column that the
// files drop, which the server drops with the column, unnamed, or a publication of a table
// that they drop.
func goesAlong(files []migrate.File, all []pg.Change, c pg.Change) bool {
	if c.Kind == pg.KindPublication && c.Op == pg.Altered {
		return slices.ContainsFunc(all, func(t pg.Change) bool { // it has lost a table that was dropped
			return t.Op == pg.Removed && t.Kind == pg.KindTable && strings.Contains(c.Before, t.Name) && !strings.Contains(c.After, t.Name) && owns(files, all, t)
		})
	}
	if c.Op != pg.Removed || c.Of.IsZero() {
		return false
	}
	for _, column := range all {
		if column.Kind != pg.KindColumn || column.Op != pg.Removed || column.Of != c.Of {
			continue
		}
		name := strings.TrimPrefix(column.Name, column.Of.Name+".")
		if strings.Contains(c.Before, name) && slices.ContainsFunc(statementsOf(files), func(st statement) bool { return st.makes(column) }) {
			return true
		}
	}
	return false
}
