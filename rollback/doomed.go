package rollback

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// LossKind is what a table loses.
type LossKind string

// What a table can lose, the worst first.
const (
	// LossTable: the table is dropped with all its rows.
	LossTable LossKind = "table"
	// LossColumns: the table stays, and columns of it are dropped.
	LossColumns LossKind = "columns"
	// LossRows: the table stays, and rows of it are changed or deleted, or a column is
	// given another type.
	LossRows LossKind = "rows"
	// LossNone: only the table's definition changes. It is archived all the same.
	LossNone LossKind = "none"
)

// doomedTable is a table that files take rows or values from, or alter.
type doomedTable struct {
	Relation
	loss    LossKind
	columns []string // that are dropped
	written bool
	bytes   int64
}

// lossy reports whether rows or values are lost.
func (d doomedTable) lossy() bool { return d.loss != LossNone }

// findDoomed lists the tables with rows that the files drop or alter, in the order of
// the files, with partitions instead of the partitioned; also are further ones to treat
// as written to.
func findDoomed(ctx context.Context, conn *pgx.Conn, files []migrate.File, also []migrate.Table) ([]doomedTable, error) {
	touched := (&migrate.Plan{Files: files}).Touches()
	mentioned, err := tablesInCode(ctx, conn, files)
	if err != nil {
		return nil, err
	}
	var list doomedList
	called := renamedColumns(files)
	written := slices.Concat(touched.Written, tablesOf(touched.ColumnsRetyped), mentioned, also)
	for _, group := range []struct {
		names []migrate.Table
		note  func(*doomedTable, int)
	}{
		{touched.Dropped, func(d *doomedTable, _ int) { d.loss = LossTable }},
		{tablesOf(touched.ColumnsDropped), func(d *doomedTable, at int) { d.dropColumn(called.before(touched.ColumnsDropped[at].Name)) }},
		{written, func(d *doomedTable, _ int) { d.written = true }},
		{touched.Altered, func(*doomedTable, int) {}},
	} {
		tables, err := resolve(ctx, conn, group.names)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			if t.holdsRows() {
				group.note(list.at(t), t.named)
			}
		}
	}
	if err := list.addCascades(ctx, conn, files); err != nil {
		return nil, err
	}
	return list.settled(ctx, conn)
}

func tablesOf(columns []migrate.Column) []migrate.Table {
	var tables []migrate.Table
	for _, c := range columns {
		tables = append(tables, c.Table)
	}
	return tables
}

// renames are the names that columns have after files renamed them, and had before.
type renames map[string]string

// renamedColumns finds ALTER TABLE … RENAME [COLUMN] … TO …: a file may drop a column under
// its new name. Which table it is of is not looked at; a name too many does no harm.
func renamedColumns(files []migrate.File) renames {
	r := renames{}
	for _, f := range files {
		for _, st := range f.Statements {
			for i := 0; st.Begins("ALTER", "TABLE") && i+3 < len(st.Tokens); i++ {
				at := i + 1
				if st.Tokens[at].Is("COLUMN") {
					at++
				}
				if st.Tokens[i].Is("RENAME") && at+2 < len(st.Tokens) && st.Tokens[at+1].Is("TO") {
					r[st.Tokens[at+2].Name()] = r.before(st.Tokens[at].Name())
				}
			}
		}
	}
	return r
}

func (r renames) before(name string) string {
	if old, ok := r[name]; ok {
		return old
	}
	return name
}

// doomedList keeps one entry per table.
type doomedList []*doomedTable

func (l *doomedList) at(t found) *doomedTable {
	for _, d := range *l {
		if d.OID == t.OID {
			return d
		}
	}
	d := &doomedTable{Relation: t.Relation, loss: LossNone, bytes: t.bytes}
	*l = append(*l, d)
	return d
}

func (d *doomedTable) dropColumn(name string) {
	if !slices.Contains(d.columns, name) {
		d.columns = append(d.columns, name)
	}
}

// A row that is deleted or changed takes others along through foreign keys: those of the
// tables that point at it, and so on.
const cascadesSQL = `
WITH RECURSIVE changed AS (
    SELECT unnest($1::oid[]) AS oid
    UNION
    SELECT k.conrelid FROM changed JOIN pg_catalog.pg_constraint k ON k.confrelid = changed.oid AND k.contype = 'f'
    WHERE CASE $2::text WHEN 'DELETE' THEN k.confdeltype IN ('c', 'n', 'd') WHEN 'UPDATE' THEN k.confupdtype IN ('c', 'n', 'd') ELSE true END)
SELECT n.nspname::text, c.relname::text, c.oid, coalesce(pg_catalog.pg_total_relation_size(c.oid), 0)
FROM changed JOIN pg_catalog.pg_class c ON c.oid = changed.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.oid <> ALL ($1::oid[])
ORDER BY n.nspname, c.relname`

// addCascades adds the tables whose rows a statement changes through foreign keys.
func (l *doomedList) addCascades(ctx context.Context, conn *pgx.Conn, files []migrate.File) error {
	for _, f := range files {
		for _, st := range f.Statements {
			how := rowsTaken(st)
			if how == "" {
				continue
			}
			alone := migrate.File{Statements: []sqlscan.Statement{st}}
			tables, err := resolve(ctx, conn, alone.Touches().Written)
			if err != nil {
				return err
			}
			var oids []uint32
			for _, t := range tables {
				oids = append(oids, t.OID)
			}
			if err := l.addChanged(ctx, conn, oids, how); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *doomedList) addChanged(ctx context.Context, conn *pgx.Conn, oids []uint32, how string) error {
	rows, err := conn.Query(ctx, cascadesSQL, oids, how)
	if err != nil {
		return err
	}
	var f found
	_, err = pgx.ForEachRow(rows, []any{&f.Schema, &f.Name, &f.OID, &f.bytes}, func() error {
		l.at(f).written = true
		return nil
	})
	return err
}

// rowsTaken is how the statement takes rows from a table: "DELETE", "UPDATE", "TRUNCATE"
// for one that empties every table that points at it, and "" when it takes none.
func rowsTaken(st sqlscan.Statement) string {
	how := ""
	for _, t := range st.Tokens {
		switch {
		case t.Is("TRUNCATE") && st.Tokens[len(st.Tokens)-1].Is("CASCADE"):
			return "TRUNCATE"
		case t.Is("DELETE"), t.Is("MERGE"):
			how = "DELETE"
		case t.Is("UPDATE") && how == "":
			how = "UPDATE"
		}
	}
	return how
}

// settled says of every table what it loses. A column that is not there, because IF
// EXISTS allows that, is not lost.
func (l doomedList) settled(ctx context.Context, conn *pgx.Conn) ([]doomedTable, error) {
	var all []doomedTable
	for _, d := range l {
		if len(d.columns) > 0 && d.loss != LossTable {
			rows, err := conn.Query(ctx, `SELECT attname::text FROM pg_catalog.pg_attribute
				WHERE attrelid = $1 AND attname = ANY ($2) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, d.OID, d.columns)
			if err != nil {
				return nil, err
			}
			if d.columns, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
				return nil, err
			}
		}
		switch {
		case d.loss == LossTable:
			d.columns = nil
		case len(d.columns) > 0:
			d.loss = LossColumns
		case d.written:
			d.loss = LossRows
		}
		all = append(all, *d)
	}
	return all, nil
}
