package migrate

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/pg"
)

// endSQL ends a session under conditions that it looks up itself: it is the one that
// was seen, it still is idle in a transaction and has been for long enough, and it
// still blocks us.
const endSQL = `
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
 WHERE pid = $1::int AND backend_start = $2 AND backend_type = 'client backend'
   AND state IN ('idle in transaction', 'idle in transaction (aborted)')
   AND state_change <= clock_timestamp() - make_interval(secs => $3)
   AND pid = ANY (pg_catalog.pg_blocking_pids($4::int))`

// endIdle ends those of the blockers that have been idle in a transaction for longer
// than the options allow, and names each. o.mu is held.
func (o *observer) endIdle(ctx context.Context, job *observed, blockers []pg.Holder) {
	limit := o.e.o.CancelIdleBlockers
	if limit <= 0 {
		return
	}
	for _, b := range blockers {
		switch {
		case b.PID == 0: // a prepared transaction: nobody sits there idle
			continue
		case b.Began.IsZero() || b.State == "":
			o.once("whether a session that blocks is idle cannot be seen, so it is not ended", "that needs the role pg_read_all_stats")
			continue
		}
		rows, err := o.conn.Query(ctx, endSQL, int32(b.PID), b.Began, limit.Seconds(), int32(job.pid))
		if err != nil {
			continue
		}
		ended := rows.Next()
		rows.Close()
		switch err := rows.Err(); {
		case pgErrorCode(err) == "42501": // insufficient_privilege
			o.once("an idle session that blocks may not be ended by this role", nameHolders([]pg.Holder{b})+": "+pgError(err).Message)
		case err == nil && ended:
			o.ended = append(o.ended, b)
			text := fmt.Sprintf("%s: ended %s", job.file.ID(), nameHolders([]pg.Holder{b}))
			if b.What != "" {
				text += ", which held " + b.What
			}
			o.e.emit(Event{
				Kind: Ended, File: job.file, Statement: job.statement, Attempt: job.attempt,
				Blockers: []pg.Holder{b}, Text: text,
			})
		}
	}
}
