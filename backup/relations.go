package backup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
)

// dumpedTables are what pg_dump writes COPY for: ordinary tables, each
// partition by itself, without those that extensions own.
const dumpedTables = `
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// relations returns the names of the tables, qualified and quoted. It waits for
// no lock.
func relations(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, "SELECT format('%I.%I', n.nspname, c.relname)"+dumpedTables+" ORDER BY n.nspname, c.relname")
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", pg.Cause(ctx, err))
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", pg.Cause(ctx, err))
	}
	return names, nil
}

// estimate returns the size of the tables on disk, without indexes, which is
// near to that of the SQL. The size functions lock what they measure: tables
// that somebody else locks, or waits to lock, are left out, and zero is returned
// where that was not enough.
func estimate(ctx context.Context, conn *pgx.Conn) int64 {
	var bytes int64
	err := conn.QueryRow(ctx, "SELECT coalesce(sum(pg_catalog.pg_table_size(c.oid)), 0)::int8"+dumpedTables+`
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')`).Scan(&bytes)
	if err != nil {
		return 0
	}
	return bytes
}

func countRows(ctx context.Context, conn *pgx.Conn, table string) (int64, error) {
	var n int64
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM ONLY "+table).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the rows of %s: %w", table, pg.Cause(ctx, err))
	}
	return n, nil
}

// schemaVersion reads golang-migrate's row, nil when there is none.
func schemaVersion(ctx context.Context, conn *pgx.Conn) (version *int64, dirty bool, err error) {
	var table *string
	err = conn.QueryRow(ctx, `
		SELECT min(format('%I.%I', n.nspname, c.relname))
		  FROM pg_catalog.pg_class c
		  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('version', 'dirty') AND NOT a.attisdropped
		 WHERE c.oid = to_regclass('schema_migrations') HAVING count(*) = 2`).Scan(&table)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil {
		var v int64
		err = conn.QueryRow(ctx, "SELECT version, dirty FROM "+*table+" ORDER BY version DESC LIMIT 1").Scan(&v, &dirty)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, false, nil
		}
		version = &v
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the schema's version: %w", pg.Cause(ctx, err))
	}
	return version, dirty, nil
}
