package rollback

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// Relation is a table as the database knows it.
type Relation struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	// OID tells a table from a later one of the same name.
	OID uint32 `json:"oid"`
}

// String is the name as operators say it: schema public goes without saying.
func (r Relation) String() string {
	if r.Schema == "public" {
		return r.Name
	}
	return r.Schema + "." + r.Name
}

// quoted is the name for SQL.
func (r Relation) quoted() string { return pgx.Identifier{r.Schema, r.Name}.Sanitize() }

// found is what a name in a file stands for in the database: a table, one of its
// partitions, or a table that inherits from it.
type found struct {
	Relation
	// kind is pg_class.relkind: r for tables, which hold rows; p for partitioned ones,
	// whose rows are in the others.
	kind string
	// named is the place of the name in the list that was asked for.
	named int
	bytes int64
}

// holdsRows reports whether there are rows to lose: those of a partitioned table are
// in its partitions, those of a foreign table stay on the other server.
func (f found) holdsRows() bool { return f.kind == "r" }

const resolveSQL = `
WITH RECURSIVE named AS (
    SELECT (at - 1)::int AS at, to_regclass(name)::oid AS oid FROM unnest($1::text[]) WITH ORDINALITY AS t(name, at)),
tree AS (
    SELECT at, oid FROM named WHERE oid IS NOT NULL
    UNION
    SELECT tree.at, i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid)
SELECT n.nspname::text, c.relname::text, c.oid, c.relkind::text, tree.at, coalesce(pg_catalog.pg_total_relation_size(c.oid), 0)
FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f')
ORDER BY tree.at, n.nspname, c.relname`

// resolve finds the tables that the names stand for, with their partitions and
// children. A name that stands for nothing is left out: DROP TABLE IF EXISTS.
func resolve(ctx context.Context, conn *pgx.Conn, names []migrate.Table) ([]found, error) {
	quoted := make([]string, len(names))
	for i, t := range names {
		quoted[i] = strings.TrimPrefix(pgx.Identifier{t.Schema, t.Name}.Sanitize(), `"".`)
	}
	rows, err := conn.Query(ctx, resolveSQL, quoted)
	if err != nil {
		return nil, fmt.Errorf("looking for the tables of the files: %w", pg.Cause(ctx, err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f found, err error) {
		err = row.Scan(&f.Schema, &f.Name, &f.OID, &f.kind, &f.named, &f.bytes)
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the tables of the files: %w", pg.Cause(ctx, err))
	}
	return all, nil
}
