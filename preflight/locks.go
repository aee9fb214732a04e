package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// lockersSQL finds who holds locks that a change needs: any on the tables ($2) it alters,
// and on those it only refers to ($3) the ones that keep SHARE ROW EXCLUSIVE out, which a
// foreign key takes. Everyone sees locks, though not everything about who holds them. An
// autovacuum gives way by itself, unless it prevents the wraparound.
const lockersSQL = `
SELECT ` + sessionColumns + `, l.holds
  FROM (SELECT pid, array_agg(DISTINCT ` + lockName + `) AS holds
          FROM pg_catalog.pg_locks l
         WHERE granted AND locktype = 'relation'
           AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
           AND (relation = ANY ($2::oid[]) OR relation = ANY ($3::oid[]) AND mode NOT IN ('AccessShareLock', 'RowShareLock'))
         GROUP BY pid) l
  JOIN pg_catalog.pg_stat_activity a USING (pid)
 WHERE a.pid <> ALL ($1::int[])
   AND (coalesce(a.backend_type, 'client backend') = 'client backend'
        OR a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)')
 ORDER BY a.xact_start NULLS LAST, a.pid`

// inTheWaySQL finds who keeps others from reading a table: whoever has it for himself or
// stands in line for that, and whom the latter wait for.
const inTheWaySQL = `
WITH strong AS (
    SELECT DISTINCT pid, granted FROM pg_catalog.pg_locks
     WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND relation >= 16384 AND pid <> ALL ($1::int[])
       AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())),
those AS (SELECT pid FROM strong UNION SELECT unnest(pg_catalog.pg_blocking_pids(pid)) FROM strong WHERE NOT granted)
SELECT ` + sessionColumns + `,
       coalesce((SELECT array_agg(DISTINCT ` + lockName + `)
                   FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation >= 16384), '{}')
  FROM those JOIN pg_catalog.pg_stat_activity a USING (pid)
 ORDER BY a.xact_start NULLS LAST, a.pid`

// lockers asks for sessions by their locks.
func (i *inspection) lockers(ctx context.Context, query string, more ...any) ([]session, error) {
	rows, err := i.Conn.Query(ctx, query, append([]any{i.ownPIDs()}, more...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSession)
}

// checkLocks looks for locks that will be in the way. Short transactions are everyday
// traffic: they are waited for, and let go in time.
func checkLocks(ctx context.Context, i *inspection) ops.Result {
	tables, err := i.planTables(ctx)
	if err != nil {
		return unanswered(err)
	}
	changed, referred := []uint32{}, []uint32{}
	for _, t := range tables {
		if t.changed {
			changed = append(changed, t.oid)
			continue
		}
		referred = append(referred, t.oid)
	}
	all, err := i.lockers(ctx, lockersSQL, changed, referred)
	if err != nil {
		return unanswered(err)
	}
	limit := i.Thresholds.LockHeld
	var long, unknown []session
	for _, s := range all {
		switch {
		case s.transactionSince.IsZero():
			unknown = append(unknown, s)
		case s.transactionFor >= limit:
			long = append(long, s)
		}
	}
	switch {
	case len(long) > 0:
		return i.heldResult(long)
	case len(unknown) > 0:
		return ops.Skip(blind)
	}
	return ops.Pass(fmt.Sprintf("no transaction older than %s holds a lock on %s of the plan", age(limit), count(len(tables), "table", "tables")))
}

// heldResult names the sessions and what each holds.
func (i *inspection) heldResult(long []session) ops.Result {
	var facts []ops.Fact
	idle := true
	for _, s := range long {
		facts = append(facts, s.facts()...)
		idle = idle && s.idle()
	}
	fix := terminate(long) + again
	switch {
	case idle && i.CancelIdle > 0:
		fix += "\nor leave them: the change ends those in its way that have been idle in transaction for " + age(i.CancelIdle)
	case idle:
		fix += "\nor let the change end them: --cancel-idle-blockers " + roundDown(long[len(long)-1].stateFor)
	}
	summary := fmt.Sprintf("%s, in a transaction open for %s", who(long[0]), age(long[0].transactionFor))
	if len(long) > 1 {
		summary = fmt.Sprintf("%d sessions hold locks that the plan will wait for; %s", len(long), summary)
	}
	return ops.Warn(summary, fix, limited(facts)...)
}

func who(s session) string {
	name := fmt.Sprintf("pid %d", s.pid)
	if s.application != "" {
		name += " (" + s.application + ")"
	}
	if len(s.holds) == 0 {
		return name + " stands in line for a lock"
	}
	return name + " holds " + s.holds[0]
}

// roundDown is a duration to type, that is not longer than d.
func roundDown(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 1))
	}
	return fmt.Sprintf("%dm", int(d.Minutes()))
}

// nameLockers adds to a check that did not get its lock who has it.
func (i *inspection) nameLockers(ctx context.Context, r ops.Result) ops.Result {
	holders, err := i.lockers(ctx, inTheWaySQL)
	if err != nil || len(holders) == 0 {
		return r // it is free again, or cannot be told
	}
	for _, s := range holders {
		r.Evidence = append(r.Evidence, s.facts()...)
	}
	r.Evidence = limited(r.Evidence)
	r.Summary = fmt.Sprintf("could not be checked: the table is locked; %s", who(holders[0]))
	r.Fix = terminate(holders[:1]) + again
	return r
}
