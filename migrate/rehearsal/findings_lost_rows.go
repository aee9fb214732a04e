package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
)

// loss is something that a plan takes away: in a few words, and with its place.
type loss struct{ brief, whole string }

// lostRows are the rows in use that files change or remove while their tables stay. Where
// the clone has none it is the text that says so, and for what the text does not show, the
// lock that is taken to write.
func (o *Outcome) lostRows() []loss {
	functions := o.codeOfFunctions()
	var all []loss
	o.each(func(f *File, s *Statement) {
		tokens := readCommand(nil, s).tokens
		said := rowChangesOf(tokens, functions)
		if o.Mode == WithData {
			all = append(all, o.rowsCounted(f, s, said)...)
			return
		}
		for _, table := range o.tablesOf(f, said) {
			all = append(all, o.rowsLost(f, s, table, said)...)
		}
		if isOneOf(phrase(tokens).at(0), "DO", "SELECT", "CALL", "WITH", "EXECUTE") {
			all = append(all, o.rowsBehind(f, s, said)...)
		}
	})
	return all
}

// tablesOf are the tables in use that the changes name, once each.
func (o *Outcome) tablesOf(f *File, changes []rowChange) []Relation {
	var tables []Relation
	for _, c := range changes {
		if r, known := o.tableNamed(f, c.table); known && !slices.ContainsFunc(tables, r.same) {
			tables = append(tables, r)
		}
	}
	return tables
}

// tableNamed is the table that has rows on the target and is called so in a file. A lock
// tells of which schema it is; a statement that is not run on an empty clone takes none.
func (o *Outcome) tableNamed(f *File, name string) (Relation, bool) {
	for _, l := range f.Locks {
		if l.Mode >= RowExclusive && l.Relation.Kind != "index" && isNamed(l.Relation, name) {
			size := o.Sizes[l.Relation.String()]
			return l.Relation, !l.Relation.New && size.rows() > 0 && o.stillThere(l.Relation)
		}
	}
	schema, table, qualified := strings.Cut(folded(name), ".")
	if !qualified {
		schema, table = "public", schema
	}
	r := Relation{Schema: schema, Name: table, Kind: "table"}
	size, known := o.Sizes[r.String()]
	return r, known && size.rows() > 0 && o.stillThere(r)
}

// rowsLost is what the changes take from one table, and from those that refer to it.
func (o *Outcome) rowsLost(f *File, s *Statement, table Relation, changes []rowChange) []loss {
	var removed, changed bool
	for _, c := range changes {
		switch {
		case !isNamed(table, c.table) || c.onlyAdds() || o.setsOnlyNew(table, c):
		case c.verb == "TRUNCATE" && readCommand(nil, s).phrase().begins("TRUNCATE"): // emptiedTables
		case c.removes():
			removed = true
		default:
			changed = true
		}
	}
	var all []loss
	switch {
	case removed:
		all = append(all, o.rowsSaid(f, s, table, "removed", "DELETE"))
		for _, child := range o.cascades(table) {
			l := o.rowsSaid(f, s, child.table, child.did, "DELETE")
			l.whole += ": its foreign key to " + table.String() + " says ON DELETE " + child.rule
			all = append(all, l)
		}
	case changed:
		all = append(all, o.rowsSaid(f, s, table, "changed", "UPDATE"))
	}
	return all
}

// rowsSaid is one table's loss in words.
func (o *Outcome) rowsSaid(f *File, s *Statement, table Relation, did, verb string) loss {
	size := o.Sizes[table.String()]
	return loss{
		brief: fmt.Sprintf("rows of %s (about %s), %s by line %d of %s", table, size, did, s.Line, f.FileName),
		whole: fmt.Sprintf("%s: rows of %s (about %s on the target) are %s by %s; %s", f.at(s), table, size, did, brief(s), o.broughtBack(f, table, verb)),
	}
}

// broughtBack says whether the way back restores the rows, as far as its text can tell.
func (o *Outcome) broughtBack(f *File, table Relation, verb string) string {
	back := o.Pass(Back)
	if !o.forward() {
		return "the archive of the rollback has them"
	}
	if back == nil || back.Plan == nil {
		return "no file brings them back"
	}
	functions := o.codeOfFunctions()
	for _, down := range back.Plan.Files {
		if down.Version != f.Version {
			continue
		}
		for _, st := range down.Statements {
			for _, c := range rowChangesOf(st.Tokens, functions) {
				writes := c.verb == "INSERT" || c.verb == "MERGE" || verb == "UPDATE" && c.verb == "UPDATE"
				if writes && isNamed(table, c.table) {
					return down.FileName + " writes rows of it too: whether they are the same again was not tried"
				}
			}
		}
	}
	return "the down file does not bring them back"
}

// rowsBehind are tables that a statement takes a lock to write to, and does not name: code
// that puts its SQL together, and what the text does not show.
func (o *Outcome) rowsBehind(f *File, s *Statement, said []rowChange) []loss {
	var all []loss
	for _, l := range s.Locks {
		size := o.Sizes[l.Relation.String()]
		named := slices.ContainsFunc(said, func(c rowChange) bool { return isNamed(l.Relation, c.table) })
		if l.Mode != RowExclusive || l.Relation.New || named || size.rows() == 0 || l.Relation.Kind == "index" || !o.stillThere(l.Relation) {
			continue
		}
		all = append(all, o.rowsSaid(f, s, l.Relation, "perhaps changed", "UPDATE"))
	}
	return all
}

// rowsCounted are the rows that were changed on a clone that has some; those that were
// deleted are counted with the tables that are emptied.
func (o *Outcome) rowsCounted(f *File, s *Statement, said []rowChange) []loss {
	var all []loss
	for _, r := range s.Rows {
		onlyNew := len(said) > 0 && !slices.ContainsFunc(said, func(c rowChange) bool {
			return isNamed(r.Relation, c.table) && !c.onlyAdds() && !o.setsOnlyNew(r.Relation, c)
		})
		if r.Updated == 0 || r.Relation.New || onlyNew || !o.stillThere(r.Relation) {
			continue
		}
		all = append(all, loss{
			brief: fmt.Sprintf("what %s of %s held before line %d of %s", counted(int(r.Updated), "row"), r.Relation, s.Line, f.FileName),
			whole: fmt.Sprintf("%s: %s of %s changed by %s; %s", f.at(s), counted(int(r.Updated), "row"), r.Relation, brief(s), o.broughtBack(f, r.Relation, "UPDATE")),
		})
	}
	return all
}

// setsOnlyNew reports whether an UPDATE fills nothing but columns that were not there
// before the plan: nobody loses what was never there.
func (o *Outcome) setsOnlyNew(table Relation, c rowChange) bool {
	if o.Before == nil || len(c.columns) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.columns, func(column string) bool {
		return slices.ContainsFunc(o.Before.Objects, func(object pg.Object) bool {
			return object.Kind == pg.KindColumn && unquoted(object.Name) == table.qualified()+"."+column
		})
	})
}

// cascade is what the loss of a row does to another table.
type cascade struct {
	table     Relation
	did, rule string
}

// cascades are the tables whose rows go or change with those of a table, by the foreign keys
// there were before the plan: on a clone without rows the server follows none.
func (o *Outcome) cascades(table Relation) []cascade {
	var all []cascade
	seen := []Relation{table}
	for next := []Relation{table}; len(next) > 0; next = next[1:] {
		for _, key := range o.foreignKeysTo(next[0]) {
			size := o.Sizes[key.table.String()]
			if key.rule == "" || slices.ContainsFunc(seen, key.table.same) || size.rows() == 0 || !o.stillThere(key.table) {
				continue
			}
			seen = append(seen, key.table)
			c := cascade{table: key.table, rule: key.rule, did: "changed"}
			if key.rule == "CASCADE" {
				c.did = "removed"
				next = append(next, key.table)
			}
			all = append(all, c)
		}
	}
	return all
}
