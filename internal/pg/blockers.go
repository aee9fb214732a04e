package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// blockersSQL joins what the waiting session has asked for and not been given
// with what each blocker has been given of the same object. A blocker that only
// stands before us in the queue holds nothing yet; it is named all the same.
const blockersSQL = `
WITH blocking AS (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids($1::int)) AS pid),
wanted AS (SELECT locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid
             FROM pg_catalog.pg_locks WHERE pid = $1::int AND NOT granted)
SELECT b.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''),
       coalesce(host(a.client_addr), CASE WHEN a.backend_start IS NOT NULL THEN 'local' ELSE '' END),
       coalesce(a.datname, ''), coalesce(a.state, ''),
       CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END,
       a.backend_start, a.xact_start, coalesce(left(a.query, 200), ''),
       coalesce((SELECT string_agg(DISTINCT upper(regexp_replace(regexp_replace(l.mode, 'Lock$', ''), '([a-z])([A-Z])', '\1 \2', 'g'))
                          || coalesce(' on ' || n.nspname || '.' || c.relname, ' on ' || l.locktype), ', ')
                   FROM pg_catalog.pg_locks l
                   JOIN wanted w ON w.locktype = l.locktype
                    AND (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
                        IS NOT DISTINCT FROM
                        (l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)
                   LEFT JOIN pg_catalog.pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
                   LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE l.pid = b.pid AND l.granted), '')
  FROM blocking b LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
 ORDER BY a.xact_start NULLS LAST, b.pid`

// Blockers returns the sessions that keep session pid waiting now, the oldest
// transaction first; none when it does not wait. It must be asked over another
// connection than the waiting one, while that one waits.
func Blockers(ctx context.Context, conn *pgx.Conn, pid uint32) ([]Holder, error) {
	rows, err := conn.Query(ctx, blockersSQL, int32(pid))
	if err != nil {
		return nil, fmt.Errorf("asking who blocks pid %d: %w", pid, Cause(ctx, err))
	}
	blockers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Holder, error) {
		var h Holder
		var since, began, transaction *time.Time
		err := row.Scan(&h.PID, &h.User, &h.Application, &h.Address, &h.Database, &h.State, &since, &began, &transaction, &h.Query, &h.What)
		h.Since, h.Began, h.Transaction = moment(since), moment(began), moment(transaction)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("asking who blocks pid %d: %w", pid, Cause(ctx, err))
	}
	return blockers, nil
}
