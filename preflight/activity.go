package preflight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

func activityEntries() []entry {
	return []entry{
		{
			id: "activity.long_tx", group: groupActivity, fatal: true,
			title: "no transaction has been open for long", run: checkLongTransactions,
		},
		{
			id: "activity.idle_tx", group: groupActivity,
			title: "no session sits idle in a transaction", run: checkIdleTransactions,
		},
		{
			id: "activity.locks", group: groupActivity,
			title: "nobody holds on to a table that the plan needs", run: checkLocks,
		},
		{
			id: "activity.prepared", group: groupActivity, fatal: true,
			title: "no prepared transaction is left", run: checkPrepared,
		},
		{
			id: "activity.migrator", group: groupActivity, fatal: true,
			title: "nobody else is migrating", run: checkMigrator,
		},
	}
}

// session is another's session of this database, in a transaction.
type session struct {
	pid                          int
	user, application, address   string
	state, query                 string
	transactionFor, stateFor     time.Duration
	transactionSince, stateSince time.Time
	holds                        []string
}

// sessionColumns are those of scanSession but the last, holds. What the role may not see
// of a session is null.
const sessionColumns = `a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
       coalesce(a.state, ''), coalesce(left(a.query, 400), ''), a.xact_start, a.state_change,
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8,
       coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::float8`

// lockName is a row l of pg_locks as "ACCESS SHARE on users".
const lockName = `upper(regexp_replace(regexp_replace(l.mode, 'Lock$', ''), '([a-z])([A-Z])', '\1 \2', 'g')) || ' on ' || l.relation::regclass::text`

// sessionsSQL leaves out sessions of other databases: their locks are not on our
// tables, and CREATE INDEX CONCURRENTLY does not wait for them. What the role may
// not see has no xact_start.
const sessionsSQL = `
SELECT ` + sessionColumns + `,
       coalesce((SELECT array_agg(DISTINCT ` + lockName + `)
                   FROM pg_catalog.pg_locks l
                  WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation = ANY ($2::oid[])), '{}')
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> ALL ($1::int[])
   AND a.xact_start IS NOT NULL
 ORDER BY a.xact_start, a.pid`

func (i *inspection) sessions(ctx context.Context) ([]session, error) {
	tables, err := i.planTables(ctx)
	if err != nil {
		return nil, err
	}
	oids := make([]uint32, len(tables))
	for n, t := range tables {
		oids[n] = t.oid
	}
	rows, err := i.Conn.Query(ctx, sessionsSQL, i.ownPIDs(), oids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSession)
}

func (i *inspection) ownPIDs() []int32 {
	own := make([]int32, len(i.OwnPIDs))
	for n, pid := range i.OwnPIDs {
		own[n] = int32(pid)
	}
	return own
}

func scanSession(row pgx.CollectableRow) (session, error) {
	var s session
	var transaction, state float64
	var transactionSince, stateSince *time.Time
	err := row.Scan(&s.pid, &s.user, &s.application, &s.address, &s.state, &s.query,
		&transactionSince, &stateSince, &transaction, &state, &s.holds)
	if transactionSince != nil {
		s.transactionSince = *transactionSince
	}
	if stateSince != nil {
		s.stateSince = *stateSince
	}
	s.transactionFor = time.Duration(transaction * float64(time.Second))
	s.stateFor = time.Duration(state * float64(time.Second))
	return s, err
}

// idle reports whether the session sits in its transaction and does nothing.
func (s session) idle() bool { return strings.HasPrefix(s.state, "idle in transaction") }

// facts say who it is, what it does and what of the plan it holds.
func (s session) facts() []ops.Fact {
	who := "user " + s.user
	if s.application != "" {
		who += "  app " + s.application
	}
	facts := []ops.Fact{{Name: fmt.Sprintf("pid %d", s.pid), Value: who}}
	if s.transactionSince.IsZero() { // who may not see the one may not see the others
		facts[0].Value += "  (details need pg_read_all_stats)"
		return append(facts, s.holding()...)
	}
	facts[0].Value += fmt.Sprintf("  from %s  %s since %s", s.address, s.state, moment(s.stateSince))
	facts = append(facts, ops.Fact{Value: fmt.Sprintf("in a transaction since %s (%s)", moment(s.transactionSince), age(s.transactionFor))})
	if q := shortQuery(s.query); q != "" {
		facts = append(facts, ops.Fact{Value: map[bool]string{true: "runs: ", false: "ran last: "}[s.state == "active"] + q})
	}
	return append(facts, s.holding()...)
}

func (s session) holding() []ops.Fact {
	if len(s.holds) == 0 {
		return nil
	}
	return []ops.Fact{{Value: "holds " + strings.Join(s.holds, ", ") + ": the plan would wait for it, and everyone else for the plan"}}
}

// terminate is the SQL that ends the sessions.
func terminate(sessions []session) string {
	if len(sessions) == 1 {
		return fmt.Sprintf("SELECT pg_terminate_backend(%d);", sessions[0].pid)
	}
	var pids []string
	for _, s := range sessions {
		pids = append(pids, fmt.Sprint(s.pid))
	}
	return "SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[" + strings.Join(pids, ", ") + "]) AS pid;"
}

// found makes a result of the sessions that were found. Without sight of other
// roles none found means nothing.
func (i *inspection) found(ctx context.Context, sessions []session, none string, finding func(string, string, ...ops.Fact) ops.Result, summary func() string) ops.Result {
	if len(sessions) == 0 {
		clear, err := i.sees(ctx)
		switch {
		case err != nil:
			return unanswered(err)
		case !clear:
			return ops.Skip(blind)
		}
		return ops.Pass(none)
	}
	var facts []ops.Fact
	for n, s := range sessions {
		if n == maxEvidence {
			facts = append(facts, ops.Fact{Name: fmt.Sprintf("and %d more", len(sessions)-n)})
			break
		}
		facts = append(facts, s.facts()...)
	}
	return finding(summary(), terminate(sessions)+again, facts...)
}

func checkLongTransactions(ctx context.Context, i *inspection) ops.Result {
	all, err := i.sessions(ctx)
	if err != nil {
		return unanswered(err)
	}
	limit := i.Thresholds.LongTransaction
	var long []session
	for _, s := range all {
		if s.transactionFor >= limit {
			long = append(long, s)
		}
	}
	return i.found(ctx, long, "no transaction open for longer than "+age(limit), ops.Fail, func() string {
		if len(long) == 1 {
			return "a transaction has been open for " + age(long[0].transactionFor)
		}
		return fmt.Sprintf("%d transactions have been open for longer than %s, the oldest for %s", len(long), age(limit), age(long[0].transactionFor))
	})
}

func checkIdleTransactions(ctx context.Context, i *inspection) ops.Result {
	all, err := i.sessions(ctx)
	if err != nil {
		return unanswered(err)
	}
	limit := i.Thresholds.IdleTransaction
	var idle []session
	for _, s := range all {
		if s.idle() && s.stateFor >= limit {
			idle = append(idle, s)
		}
	}
	return i.found(ctx, idle, "no session idle in a transaction for longer than "+age(limit), ops.Warn, func() string {
		return count(len(idle), "session", "sessions") + " idle in a transaction for longer than " + age(limit)
	})
}

// checkPrepared can be seen by everyone.
func checkPrepared(ctx context.Context, i *inspection) ops.Result {
	rows, err := i.Conn.Query(ctx, `
		SELECT gid, owner::text, prepared FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid`)
	if err != nil {
		return unanswered(err)
	}
	var fixes []string
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ops.Fact, error) {
		var gid, owner string
		var since time.Time
		err := row.Scan(&gid, &owner, &since)
		fixes = append(fixes, "ROLLBACK PREPARED '"+strings.ReplaceAll(gid, "'", "''")+"';   or COMMIT PREPARED, as its transaction manager says")
		return ops.Fact{Name: gid, Value: "prepared by " + owner + " at " + moment(since)}, err
	})
	if err != nil {
		return unanswered(err)
	}
	if len(facts) == 0 {
		return ops.Pass("no prepared transaction")
	}
	return ops.Fail(count(len(facts), "prepared transaction holds its locks", "prepared transactions hold their locks")+" until someone ends it",
		distinct(fixes), limited(facts)...)
}
