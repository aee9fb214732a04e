package rehearsal

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sizesSQL is the size of every table and materialized view; a partitioned table is the
// sum of what its rows are in. Before version 14 a table that was never counted has
// reltuples 0.
const sizesSQL = `
WITH RECURSIVE tables AS (
    SELECT c.oid, c.relname, c.relnamespace, c.relkind, %s AS bytes,
           CASE WHEN c.reltuples < 0 OR c.reltuples = 0 AND c.relpages = 0 AND %[1]s > 0 THEN NULL ELSE c.reltuples END AS rows
      FROM pg_catalog.pg_class c
     WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
), parts AS (
    SELECT oid AS root, oid AS leaf FROM tables WHERE relkind = 'p'
    UNION ALL
    SELECT p.root, i.inhrelid FROM parts p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.leaf
), sizes AS (
    SELECT oid, bytes, rows FROM tables WHERE relkind <> 'p'
    UNION ALL
    SELECT p.root, coalesce(sum(t.bytes), 0), CASE WHEN bool_or(t.oid IS NOT NULL AND t.rows IS NULL) THEN NULL ELSE coalesce(sum(t.rows), 0) END
      FROM parts p LEFT JOIN tables t ON t.oid = p.leaf AND t.relkind <> 'p' GROUP BY p.root
)
SELECT n.nspname::text, t.relname::text, coalesce(s.bytes, 0)::bigint, coalesce(s.rows, -1)::bigint
  FROM sizes s JOIN tables t ON t.oid = s.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

// How many bytes a table has: as the file system says, for which the table must not be
// locked; or as the server noted it last.
const (
	bytesNow   = "pg_catalog.pg_table_size(c.oid)"
	bytesNoted = "c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint"
)

// sizesPatience is how long ReadSizes waits for a table that is locked.
const sizesPatience = "500ms"

// ReadSizes reads how large the tables of a database are, by Relation.String(). It
// locks no table but for a moment, and waits for none: sizes are then what the server
// noted last. conn must not be in a transaction.
func ReadSizes(ctx context.Context, conn *pgx.Conn) (map[string]Size, error) {
	sizes, err := readSizes(ctx, conn, bytesNow)
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == "55P03" {
		sizes, err = readSizes(ctx, conn, bytesNoted)
	}
	if err != nil {
		return nil, fmt.Errorf("reading how large the tables are: %w", pg.Cause(ctx, err))
	}
	return sizes, nil
}

func readSizes(ctx context.Context, conn *pgx.Conn, bytes string) (map[string]Size, error) {
	sizes := map[string]Size{}
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+sizesPatience+"'"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, fmt.Sprintf(sizesSQL, bytes))
		if err != nil {
			return err
		}
		var r Relation
		var s Size
		_, err = pgx.ForEachRow(rows, []any{&r.Schema, &r.Name, &s.Bytes, &s.Rows}, func() error {
			sizes[r.String()] = s
			return nil
		})
		return err
	})
	return sizes, err
}
