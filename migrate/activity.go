package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
)

// activity is what the server says a session is doing.
type activity struct {
	// waits is set while it waits for a lock; on is what the lock is on.
	waits bool
	on    string
	// wait is what else it waits for, e.g. "IO DataFileRead".
	wait string
	// phase, done and total are those of an index build.
	phase       string
	done, total int64

	blockers []pg.Holder
}

// An index build counts lockers while it waits, blocks while it scans and tuples
// while it loads; whichever the phase has a total for is its progress.
const activitySQL = `
SELECT coalesce(a.wait_event_type, ''), coalesce(a.wait_event, ''), coalesce(p.phase, ''),
       CASE WHEN p.tuples_total > 0 THEN p.tuples_done WHEN p.blocks_total > 0 THEN p.blocks_done ELSE coalesce(p.lockers_done, 0) END,
       CASE WHEN p.tuples_total > 0 THEN p.tuples_total WHEN p.blocks_total > 0 THEN p.blocks_total ELSE coalesce(p.lockers_total, 0) END
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = a.pid
 WHERE a.pid = $1::int`

const waitedForSQL = `
SELECT coalesce(string_agg(DISTINCT coalesce(n.nspname || '.' || c.relname,
           CASE locktype WHEN 'virtualxid' THEN 'a transaction that began earlier' WHEN 'transactionid' THEN 'a row'
                         WHEN 'tuple' THEN 'a row' ELSE locktype END), ', '), 'something')
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE l.pid = $1::int AND NOT l.granted`

func askActivity(ctx context.Context, conn *pgx.Conn, pid uint32) (activity, error) {
	var now activity
	var kind, event string
	err := conn.QueryRow(ctx, activitySQL, int32(pid)).Scan(&kind, &event, &now.phase, &now.done, &now.total)
	if err != nil {
		return now, err
	}
	now.waits = kind == "Lock"
	if kind != "" && kind != "Client" {
		now.wait = kind + " " + event
	}
	if now.waits {
		err = conn.QueryRow(ctx, waitedForSQL, int32(pid)).Scan(&now.on)
	}
	return now, err
}

// describe says how far a running file is.
func (a activity) describe(job *observed) string {
	text := job.file.ID()
	if job.statement >= 0 {
		text += fmt.Sprintf(" statement %d of %d", job.statement+1, len(job.file.Statements))
	}
	text += " runs for " + roughly(time.Since(job.started))
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
