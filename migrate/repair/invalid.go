package repair

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// InvalidIndex is an index that no query uses and every write keeps up: what is left of
// a CREATE INDEX CONCURRENTLY that was cut off.
type InvalidIndex struct {
	// Name and Table are qualified and quoted as the server writes them.
	Name  string `json:"name"`
	Table string `json:"table"`
	// Drop and Create are the SQL that mends it. Create is "" for what a REINDEX
	// CONCURRENTLY left, whose index is there beside it.
	Drop   string `json:"drop,omitempty"`
	Create string `json:"create,omitempty"`
	// Builder is the process that builds it at this moment, 0 for none: it is then not
	// to be touched.
	Builder int `json:"builder,omitempty"`
	// Partitioned says that it is complete once every partition has its part.
	Partitioned bool `json:"partitioned,omitempty"`
	// Constraint is the constraint behind which it stands, "" for none.
	Constraint string `json:"constraint,omitempty"`
}

const invalidSQL = `
SELECT format('%I.%I', n.nspname, c.relname), i.indrelid::regclass::text, c.relname::text,
       pg_get_indexdef(c.oid), c.relkind = 'I',
       coalesce((SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p
                  WHERE p.index_relid = c.oid OR p.index_relid = 0 AND p.relid = i.indrelid LIMIT 1), 0),
       coalesce((SELECT k.conname::text FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x') LIMIT 1), '')
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND n.nspname !~ '^pg_(temp|toast)'
 ORDER BY 1`

// InvalidIndexes names every INVALID index of the database.
func InvalidIndexes(ctx context.Context, conn *pgx.Conn) ([]InvalidIndex, error) {
	rows, err := conn.Query(ctx, invalidSQL)
	if err != nil {
		return nil, fmt.Errorf("looking for INVALID indexes: %w", pg.Cause(ctx, err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (InvalidIndex, error) {
		var i InvalidIndex
		var bare, definition string
		if err := row.Scan(&i.Name, &i.Table, &bare, &definition, &i.Partitioned, &i.Builder, &i.Constraint); err != nil {
			return i, err
		}
		if !i.Partitioned && i.Constraint == "" {
			i.Drop = "DROP INDEX CONCURRENTLY " + i.Name + ";"
			if !leftByReindex.MatchString(bare) {
				i.Create = concurrently(definition) + ";"
			}
		}
		return i, nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for INVALID indexes: %w", pg.Cause(ctx, err))
	}
	return found, nil
}

// leftByReindex are the names REINDEX CONCURRENTLY gives to what it builds and replaces.
var leftByReindex = regexp.MustCompile(`_cc(new|old)\d*$`)

// concurrently makes of pg_get_indexdef's statement the one that blocks nobody.
func concurrently(definition string) string {
	for _, begin := range []string{"CREATE UNIQUE INDEX ", "CREATE INDEX "} {
		if rest, ok := strings.CutPrefix(definition, begin); ok {
			return begin + "CONCURRENTLY " + rest
		}
	}
	return definition
}
