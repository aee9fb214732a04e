package rollback

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// merge puts the layers of a table together in a temporary table, which has every column
// that was archived and the rows as they were at the last moment, and returns its name.
func (r *restorer) merge(ctx context.Context, l layers) (string, error) {
	merged := pgx.Identifier{fmt.Sprintf("clipperops_merged_%d", l.OID)}.Sanitize()
	if err := r.temporary(ctx, merged, l.into, l.Columns); err != nil {
		return "", err
	}
	for i, part := range l.parts {
		if i == 0 || part.table.Mode == LateAppend {
			if _, err := r.copyIn(ctx, part, merged); err != nil {
				return "", err
			}
			continue
		}
		if err := r.replace(ctx, l, part, merged); err != nil {
			return "", err
		}
	}
	return merged, nil
}

// temporary makes a table of the columns alone, without their constraints and defaults.
func (r *restorer) temporary(ctx context.Context, name string, like Relation, columns []string) error {
	_, err := r.conn.Exec(ctx, "CREATE TEMPORARY TABLE "+name+" ON COMMIT DROP AS SELECT "+columnList(columns)+" FROM "+like.quoted()+" LIMIT 0")
	return err
}

// replace makes the rows of a later layer the rows of the table. Columns that an earlier
// file had dropped by then keep the values they had.
func (r *restorer) replace(ctx context.Context, l layers, part layer, merged string) error {
	var kept []string
	for _, c := range l.Columns {
		if !slices.Contains(part.table.Columns, c) {
			kept = append(kept, c)
		}
	}
	newer := pgx.Identifier{fmt.Sprintf("clipperops_newer_%d", l.OID)}.Sanitize()
	if err := r.temporary(ctx, newer, l.into, part.table.Columns); err != nil {
		return err
	}
	if _, err := r.copyIn(ctx, part, newer); err != nil {
		return err
	}
	if len(kept) > 0 && len(part.table.PrimaryKey) == 0 {
		return &ops.Failure{
			Code: ops.ExitRefused, What: fmt.Sprintf("table %s has no primary key to join what was saved of it at two times", l.Relation),
			Detail: []string{"its rows are in " + l.Entry + " and " + part.table.Entry + " of the archives"},
		}
	}
	from := newer + " AS n"
	if len(kept) > 0 {
		from += " LEFT JOIN " + merged + " AS o ON " + sameKey("n", "o", part.table.PrimaryKey)
	}
	var values []string
	for _, c := range part.table.Columns {
		values = append(values, "n."+pgx.Identifier{c}.Sanitize())
	}
	for _, c := range kept {
		values = append(values, "o."+pgx.Identifier{c}.Sanitize())
	}
	next := pgx.Identifier{fmt.Sprintf("clipperops_next_%d", l.OID)}.Sanitize()
	return script(ctx, r.conn, strings.Join([]string{
		"CREATE TEMPORARY TABLE " + next + " ON COMMIT DROP AS SELECT " + strings.Join(values, ", ") + " FROM " + from,
		"DROP TABLE " + merged + ", " + newer,
		"ALTER TABLE " + next + " RENAME TO " + merged,
	}, ";"))
}

// silence is what was switched off for the time of a restore.
type silence struct{ again []string }

const triggersSQL = `
SELECT t.tgrelid::regclass::text, t.tgname::text, t.tgenabled::text FROM pg_catalog.pg_trigger t
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgrelid = ANY ($1::text[]::regclass[]) ORDER BY 1, 2`

// Foreign keys in a circle hold only when all of its tables are filled.
const circlesSQL = `
WITH RECURSIVE keys AS (
    SELECT oid, conrelid, confrelid, conname FROM pg_catalog.pg_constraint
    WHERE contype = 'f' AND conparentid = 0 AND NOT condeferrable AND conrelid <> confrelid
      AND conrelid = ANY ($1::text[]::regclass[]) AND confrelid = ANY ($1::text[]::regclass[])),
way AS (
    SELECT oid, conrelid AS start, confrelid AS at FROM keys
    UNION
    SELECT way.oid, way.start, keys.confrelid FROM way JOIN keys ON keys.conrelid = way.at)
SELECT DISTINCT k.conrelid::regclass::text, k.conname::text FROM way JOIN keys k ON k.oid = way.oid
WHERE way.start = way.at ORDER BY 1, 2`

// silence switches the tables' own triggers off, and lets foreign keys in a circle be checked
// at the end. Both are an owner's to do.
func (r *restorer) silence(ctx context.Context, tables []layers) (*silence, error) {
	var names []string
	for _, l := range tables {
		names = append(names, l.into.quoted())
	}
	s := &silence{}
	var off []string
	var table, name, enabled string
	rows, err := r.conn.Query(ctx, triggersSQL, names)
	if err != nil {
		return nil, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&table, &name, &enabled}, func() error {
		trigger := pgx.Identifier{name}.Sanitize()
		off = append(off, "ALTER TABLE "+table+" DISABLE TRIGGER "+trigger)
		mode := map[string]string{"O": "ENABLE TRIGGER ", "A": "ENABLE ALWAYS TRIGGER "}[enabled]
		s.again = append(s.again, "ALTER TABLE "+table+" "+mode+trigger)
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = r.conn.Query(ctx, circlesSQL, names); err != nil {
		return nil, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&table, &name}, func() error {
		key := "ALTER TABLE " + table + " ALTER CONSTRAINT " + pgx.Identifier{name}.Sanitize()
		off = append(off, key+" DEFERRABLE INITIALLY DEFERRED")
		s.again = append(s.again, key+" NOT DEFERRABLE")
		return nil
	}); err != nil {
		return nil, err
	}
	return s, script(ctx, r.conn, strings.Join(append(off, "SET CONSTRAINTS ALL DEFERRED"), ";"))
}

// undo checks what was deferred and switches everything on again.
func (s *silence) undo(ctx context.Context, conn *pgx.Conn) error {
	return script(ctx, conn, strings.Join(append([]string{"SET CONSTRAINTS ALL IMMEDIATE"}, s.again...), ";"))
}
