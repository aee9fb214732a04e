package rollback

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// Dependent is an object outside the down files that hangs on what they drop.
type Dependent struct {
	// Kind is as the server says it: view, table constraint, function, trigger.
	Kind string `json:"kind"`
	// Name is the object's, e.g. "notes_item_fkey on public.notes".
	Name string `json:"name"`
	// Cascade says that a file drops with CASCADE, and so takes it along. Without, the
	// server refuses the file.
	Cascade bool `json:"cascade"`
}

// String is the dependent in a few words.
func (d Dependent) String() string {
	if d.Cascade {
		return d.Kind + " " + d.Name + " (CASCADE takes it along)"
	}
	return d.Kind + " " + d.Name + " (stands in the way)"
}

// The walk follows pg_depend as DROP … CASCADE does: down to what depends on an object,
// and up from a part that cannot go alone, such as the rule of a view, to its whole. What
// belongs to the dropped tables themselves is left out of the answer.
const dependentsSQL = `
WITH RECURSIVE gone(classid, objid, objsubid) AS (
    SELECT 'pg_catalog.pg_class'::regclass::oid, t.oid, 0 FROM unnest($1::oid[]) AS t(oid)
    UNION
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.attrelid, a.attnum::int
    FROM unnest($2::oid[], $3::text[]) AS c(attrelid, attname)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.attrelid AND a.attname = c.attname
    UNION
    SELECT next.* FROM gone g, LATERAL (
        SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = g.classid AND d.refobjid = g.objid AND (g.objsubid = 0 OR d.refobjsubid = g.objsubid)
          AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
        UNION ALL
        SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d
        WHERE d.classid = g.classid AND d.objid = g.objid AND d.deptype = 'i' AND g.objsubid = 0) AS next),
owned AS (
    SELECT g.*, CASE g.classid
        WHEN 'pg_catalog.pg_class'::regclass THEN coalesce((SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = g.objid), g.objid)
        WHEN 'pg_catalog.pg_constraint'::regclass THEN (SELECT nullif(conrelid, 0) FROM pg_catalog.pg_constraint WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_catalog.pg_trigger WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_catalog.pg_attrdef WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_catalog.pg_rewrite WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_policy'::regclass THEN (SELECT polrelid FROM pg_catalog.pg_policy WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_statistic_ext'::regclass THEN (SELECT stxrelid FROM pg_catalog.pg_statistic_ext WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_publication_rel'::regclass THEN (SELECT prrelid FROM pg_catalog.pg_publication_rel WHERE oid = g.objid)
        WHEN 'pg_catalog.pg_type'::regclass THEN (SELECT nullif(coalesce(e.typrelid, t.typrelid), 0)
            FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid WHERE t.oid = g.objid) END AS relation
    FROM gone g)
SELECT DISTINCT i.type, i.identity,
    CASE o.classid WHEN 'pg_catalog.pg_class'::regclass THEN (SELECT relname FROM pg_catalog.pg_class WHERE oid = o.objid)
        WHEN 'pg_catalog.pg_constraint'::regclass THEN (SELECT conname FROM pg_catalog.pg_constraint WHERE oid = o.objid)
        WHEN 'pg_catalog.pg_trigger'::regclass THEN (SELECT tgname FROM pg_catalog.pg_trigger WHERE oid = o.objid)
        WHEN 'pg_catalog.pg_proc'::regclass THEN (SELECT proname FROM pg_catalog.pg_proc WHERE oid = o.objid)
        WHEN 'pg_catalog.pg_policy'::regclass THEN (SELECT polname FROM pg_catalog.pg_policy WHERE oid = o.objid) END::text AS name
FROM owned o, LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, o.objsubid) AS i
WHERE (o.relation IS NULL OR o.relation <> ALL ($4::oid[]))
  -- told of with the view, the table or the constraint they are a part of
  AND i.type NOT IN ('rule', 'type', 'index', 'default value', 'toast table')
  AND NOT (o.classid = 'pg_catalog.pg_trigger'::regclass AND (SELECT tgisinternal FROM pg_catalog.pg_trigger WHERE oid = o.objid))
  AND NOT (o.classid = 'pg_catalog.pg_class'::regclass AND EXISTS (
        SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.refobjid = ANY ($4::oid[]) AND d.deptype IN ('a', 'i')))
ORDER BY 1, 2`

// findDependents lists what hangs on the tables and columns that are dropped and is
// dealt with by none of the files.
func findDependents(ctx context.Context, conn *pgx.Conn, doomed []doomedTable, files []migrate.File) ([]Dependent, error) {
	var tables, columnTables []uint32
	var columns []string
	for _, d := range doomed {
		if d.loss == LossTable {
			tables = append(tables, d.OID)
		}
		for _, c := range d.columns {
			columnTables, columns = append(columnTables, d.OID), append(columns, c)
		}
	}
	if len(tables)+len(columns) == 0 {
		return nil, nil
	}
	own := append(append([]uint32{}, tables...), columnTables...)
	rows, err := conn.Query(ctx, dependentsSQL, tables, columnTables, columns, own)
	if err != nil {
		return nil, err
	}
	cascade := dropsWithCascade(files)
	var list []Dependent
	var kind, identity string
	var name *string
	_, err = pgx.ForEachRow(rows, []any{&kind, &identity, &name}, func() error {
		if name == nil || !dealtWith(files, *name) {
			list = append(list, Dependent{Kind: kind, Name: identity, Cascade: cascade})
		}
		return nil
	})
	return list, err
}

func dropsWithCascade(files []migrate.File) bool {
	for _, f := range files {
		for _, st := range f.Statements {
			if (st.Begins("DROP") || st.Begins("ALTER", "TABLE")) && hasKeyword(st, "CASCADE") {
				return true
			}
		}
	}
	return false
}

// dealtWith reports whether one of the files drops or replaces what is called name.
func dealtWith(files []migrate.File, name string) bool {
	for _, f := range files {
		for _, st := range f.Statements {
			if (st.Begins("DROP") || st.Begins("ALTER") && hasKeyword(st, "DROP")) && names(st, name) {
				return true
			}
		}
	}
	return false
}

func hasKeyword(st sqlscan.Statement, keyword string) bool {
	for _, t := range st.Tokens {
		if t.Is(keyword) {
			return true
		}
	}
	return false
}

// names reports whether the name stands in the statement.
func names(st sqlscan.Statement, name string) bool {
	for _, t := range st.Tokens {
		if t.Name() == name {
			return true
		}
	}
	return false
}
