package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// activity is what the server says a session is doing.
type activity struct {
	// waits is set while it waits for a lock; on is what the lock is on, lock tells one
	// such wait from another, and waited is how long it has lasted, as far as the
	// server says: before PostgreSQL 14 it does not.
	waits    bool
	on, lock string
	waited   time.Duration
	// wait is what else it waits for, e.g. "IO DataFileRead".
	wait string
	// phase, done and total are those of an index build.
	phase       string
	done, total int64
	unit        ops.Unit

	blockers []pg.Holder
}

// An index build counts lockers while it waits, blocks while it scans and tuples
// while it loads; whichever the phase has a total for is its progress.
const activitySQL = `
SELECT coalesce(a.wait_event_type, ''), coalesce(a.wait_event, ''), coalesce(p.phase, ''),
       CASE WHEN p.tuples_total > 0 THEN p.tuples_done WHEN p.blocks_total > 0 THEN p.blocks_done ELSE coalesce(p.lockers_done, 0) END,
       CASE WHEN p.tuples_total > 0 THEN p.tuples_total WHEN p.blocks_total > 0 THEN p.blocks_total ELSE coalesce(p.lockers_total, 0) END,
       CASE WHEN p.tuples_total > 0 THEN 'rows' WHEN p.blocks_total > 0 THEN 'blocks' ELSE '' END
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = a.pid
 WHERE a.pid = $1::int`

// waitedForSQL asks for waitstart by way of jsonb: servers before 14 have none.
const waitedForSQL = `
SELECT coalesce(string_agg(DISTINCT coalesce(n.nspname || '.' || c.relname,
           CASE locktype WHEN 'virtualxid' THEN 'a transaction that began earlier' WHEN 'transactionid' THEN 'a row'
                         WHEN 'tuple' THEN 'a row' ELSE locktype END), ', '), ''),
       coalesce(min(concat_ws(' ', locktype, database, relation, page, tuple, l.virtualxid, transactionid, classid, objid, objsubid, mode, since)), ''),
       coalesce(max(extract(epoch FROM clock_timestamp() - since)), 0)::float8
  FROM (SELECT *, (to_jsonb(held)->>'waitstart')::timestamptz AS since FROM pg_catalog.pg_locks held WHERE pid = $1::int AND NOT granted) l
  LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

func askActivity(ctx context.Context, conn *pgx.Conn, pid uint32) (activity, error) {
	var now activity
	var kind, event string
	err := conn.QueryRow(ctx, activitySQL, int32(pid)).Scan(&kind, &event, &now.phase, &now.done, &now.total, &now.unit)
	if err != nil {
		return now, err
	}
	if kind != "" && kind != "Client" {
		now.wait = kind + " " + event
	}
	if kind == "Lock" {
		var seconds float64
		err = conn.QueryRow(ctx, waitedForSQL, int32(pid)).Scan(&now.on, &now.lock, &seconds)
		now.waits = now.lock != "" // it may have got it since
		now.waited = time.Duration(seconds * float64(time.Second))
	}
	return now, err
}

// describe says how far a running file is.
func (a activity) describe(job *observed) string {
	text := job.file.ID()
	if job.statement >= 0 {
		text += fmt.Sprintf(" statement %d of %d", job.statement+1, len(job.file.Statements))
	}
	text += " runs for " + job.soFar()
	if a.phase != "" {
		text += ": " + a.phase
		if a.total > 0 {
			text += fmt.Sprintf(", %d %%", 100*a.done/a.total)
		}
	} else if a.wait != "" {
		text += ", waits for " + a.wait
	}
	return text
}
