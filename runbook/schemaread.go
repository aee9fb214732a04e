package runbook

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

// snapshot remembers the schema, so that everything else can be proven unchanged.
func (f *flow) snapshot(ctx context.Context) (*pg.Snapshot, error) {
	now, err := pg.TakeSnapshot(ctx, f.conn, pg.SnapshotOptions{})
	var answer *pgconn.PgError
	switch {
	case err == nil:
		return now, nil
	case errors.As(err, &answer) && answer.Code == "55P03": // lock_not_available
		return nil, f.lockedTables(ctx, err)
	}
	return nil, nothingChanged(err)
}

// whoLocksSQL names those who keep everybody from a table, the longest first.
const whoLocksSQL = `
SELECT l.pid, format('pid %s%s%s holds ACCESS EXCLUSIVE on %s', l.pid, coalesce(' (' || nullif(a.application_name, '') || ')', ''),
                     coalesce(', ' || a.state || ' since ' || to_char(a.state_change AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC,', ''),
                     string_agg(DISTINCT l.relation::regclass::text, ', '))
  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
 GROUP BY l.pid, a.application_name, a.state, a.state_change, a.xact_start ORDER BY a.xact_start, l.pid LIMIT 5`

// lockedTables says who locks the tables that could not be read about.
func (f *flow) lockedTables(ctx context.Context, err error) error {
	failure := &ops.Failure{
		What:   "the schema cannot be read: a table is locked, and nobody let go of it in time",
		Detail: []string{err.Error()}, State: []string{"nothing was changed"}, Err: err,
	}
	rows, asked := f.conn.Query(ctx, whoLocksSQL)
	if asked == nil {
		defer rows.Close()
		for rows.Next() {
			var pid int
			var who string
			if rows.Scan(&pid, &who) == nil {
				failure.Detail = append(failure.Detail, who)
				failure.Next = append(failure.Next, fmt.Sprintf("when nobody needs it: SELECT pg_terminate_backend(%d);", pid))
			}
		}
	}
	failure.Next = append(failure.Next, "run the same command again when the table is free")
	return failure
}
