package rollback

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// codeDepth is how deep code in strings in code is read: DO, EXECUTE, format.
const codeDepth = 3

// changing are the words without which code changes no rows.
var changing = []string{"drop", "delete", "update", "truncate", "alter", "merge", "insert", "execute", "perform", "call"}

// tablesInCode lists the tables whose names stand in code that the files run, such as a
// DO block, and that may change them: what the code does cannot be told, so it is taken
// to write to them all.
func tablesInCode(ctx context.Context, conn *pgx.Conn, files []migrate.File) ([]migrate.Table, error) {
	words := map[string]bool{}
	for _, f := range files {
		for _, st := range opaqueStatements(f) {
			inside := map[string]bool{}
			wordsOf(st.Tokens, inside, codeDepth)
			if !st.Begins("DO") || slices.ContainsFunc(changing, func(w string) bool { return inside[w] }) {
				maps.Copy(words, inside)
			}
		}
	}
	if len(words) == 0 {
		return nil, nil
	}
	rows, err := conn.Query(ctx, `SELECT n.nspname::text, c.relname::text
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.relname = ANY ($1) AND c.relname <> $2
		  AND n.nspname !~ '^pg_' AND n.nspname <> ALL (ARRAY['information_schema', 'clipperops'])
		ORDER BY n.nspname, c.relname`, slices.Sorted(maps.Keys(words)), migrate.VersionTable)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[migrate.Table])
}

// opaqueStatements are those of the file that do what their text does not say.
func opaqueStatements(f migrate.File) []sqlscan.Statement {
	opaque := map[int]bool{}
	for _, o := range f.Touches().Opaque {
		opaque[o.Line] = true
	}
	var list []sqlscan.Statement
	for _, st := range f.Statements {
		if opaque[st.Line] {
			list = append(list, st)
		}
	}
	return list
}

// wordsOf collects the identifiers among the tokens, and those in strings that are code.
func wordsOf(tokens []sqlscan.Token, words map[string]bool, depth int) {
	for _, t := range tokens {
		if name := t.Name(); name != "" {
			words[name] = true
			continue
		}
		code, ok := t.Value()
		if !ok || depth == 0 {
			continue
		}
		if inner, err := sqlscan.Scan(code); err == nil {
			wordsOf(inner, words, depth-1)
		}
	}
}
