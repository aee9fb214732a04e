package rehearsal

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// takesRows reports whether a file of the plan may empty or drop a table: its rows then
// have to be counted while they are there.
func takesRows(plan *migrate.Plan) bool {
	for _, f := range plan.Files {
		for _, st := range f.Statements {
			if st.Begins("TRUNCATE") || opaque(st) {
				return true
			}
			if st.Begins("DROP") && len(st.Words) > 1 {
				switch st.Words[1] {
				case "TABLE", "SCHEMA", "MATERIALIZED", "OWNED", "EXTENSION", "TYPE", "DOMAIN":
					return true
				}
			}
		}
	}
	return false
}

// countedAtOnce is how many tables one query counts.
const countedAtOnce = 100

// readableSQL are the tables whose rows the role may read, and what the server thinks
// that the others have.
const readableSQL = `
SELECT c.oid, pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE'),
       greatest(c.reltuples, 0)::bigint
  FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid >= ` + firstUserOID

// countRows counts the rows of every table that has any. A table that may not be read
// has as many as the server thinks.
func (c catalog) countRows(ctx context.Context, conn *pgx.Conn, version versionTable) error {
	rows, err := conn.Query(ctx, readableSQL)
	if err != nil {
		return err
	}
	var queries []string
	var oid uint32
	var readable bool
	var estimate int64
	_, err = pgx.ForEachRow(rows, []any{&oid, &readable, &estimate}, func() error {
		e, known := c[oid]
		switch {
		case !known || e.bytes == 0 || e.ours(version):
		case readable:
			queries = append(queries, fmt.Sprintf("SELECT %d::oid, pg_catalog.count(*) FROM ONLY %s", oid, pgx.Identifier{e.Schema, e.Name}.Sanitize()))
		default:
			e.rows = estimate
			c[oid] = e
		}
		return nil
	})
	for err == nil && len(queries) > 0 {
		n := min(len(queries), countedAtOnce)
		err = c.count(ctx, conn, strings.Join(queries[:n], " UNION ALL "))
		queries = queries[n:]
	}
	return err
}

func (c catalog) count(ctx context.Context, conn *pgx.Conn, sql string) error {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	var oid uint32
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&oid, &n}, func() error {
		e := c[oid]
		e.rows = n
		c[oid] = e
		return nil
	})
	return err
}
