package preflight_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
)

// TestLocksInTheWay: any lock on a table that is altered, the strong ones on a table that
// is only referred to.
func TestLocksInTheWay(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	in.Release = nil
	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{
		Altered: []preflight.Table{{Name: "clips"}}, Referenced: []preflight.Table{{Name: "users"}},
	}}
	in.Thresholds.LockHeld = time.Nanosecond
	expect(t, in, "activity.locks", ops.StatusPass, "holds a lock on 2 tables of the plan")

	reader := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	elsewhere := pgtest.HoldTable(t, target, "comments", "ACCESS EXCLUSIVE")
	expect(t, in, "activity.locks", ops.StatusPass, "no transaction")
	reader.Release()
	elsewhere.Release()

	writer := pgtest.HoldTable(t, target, "users", "ROW EXCLUSIVE")
	r := expect(t, in, "activity.locks", ops.StatusWarn, fmt.Sprintf("pid %d (pgtest holder) holds ROW EXCLUSIVE on users, in a transaction open for", writer.PID))
	shows(t, r, fmt.Sprintf("pid %d: user %s", writer.PID, target.User), "idle in transaction since", "holds ROW EXCLUSIVE on users")
	advises(t, r, fmt.Sprintf("SELECT pg_terminate_backend(%d);", writer.PID))
	advises(t, r, "--cancel-idle-blockers 1s")
	in.CancelIdle = 5 * time.Minute
	r = look(t, in, "activity.locks")
	advises(t, r, "the change ends those in its way that have been idle in transaction for 5 min")
	if strings.Contains(r.Fix, "--cancel-idle-blockers") {
		t.Errorf("advises the flag that was given:\n%s", r.Fix)
	}
	in.CancelIdle = 0

	second := pgtest.HoldTable(t, target, "clips", "ACCESS SHARE")
	r = expect(t, in, "activity.locks", ops.StatusWarn, "2 sessions hold locks that the plan will wait for")
	shows(t, r, "holds ACCESS SHARE on clips")
	writer.Release()
	second.Release()
	pgtest.Eventually(t, func() bool { return look(t, in, "activity.locks").Status == ops.StatusPass }, "the locks are let go")
}

// TestLocksOfShortTransactionsAreEverydayTraffic guards against a warning on every
// database that is in use.
func TestLocksOfShortTransactionsAreEverydayTraffic(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{Altered: []preflight.Table{{Name: "clips"}}}}
	in.Thresholds.LockHeld = time.Hour
	pgtest.HoldTable(t, target, "clips", "ROW EXCLUSIVE")
	expect(t, in, "activity.locks", ops.StatusPass, "older than 60 min")
}

// TestLocksOfThoseWhoCannotBeSeen: that there are none can be seen by everyone.
func TestLocksOfThoseWhoCannotBeSeen(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, nobody(t, target))
	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{Altered: []preflight.Table{{Schema: "public", Name: "clips"}}}}
	expect(t, in, "activity.locks", ops.StatusPass, "no transaction")
	pgtest.HoldTable(t, target, "clips", "ACCESS SHARE")
	expect(t, in, "activity.locks", ops.StatusSkip, "pg_read_all_stats")
}

// TestALockedTableIsNamedWithWhoHoldsIt: a question that waits for a lock in vain says
// who has it.
func TestALockedTableIsNamedWithWhoHoldsIt(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	if _, err := in.Conn.Exec(t.Context(), "SET lock_timeout = '100ms'"); err != nil {
		t.Fatal(err)
	}
	held := pgtest.HoldTable(t, target, "users", "ACCESS EXCLUSIVE")
	r := expect(t, in, "prereq.moderators", ops.StatusFail, fmt.Sprintf("could not be checked: the table is locked; pid %d (pgtest holder) holds ACCESS EXCLUSIVE on users", held.PID))
	shows(t, r, fmt.Sprintf("pid %d: user %s  app pgtest holder", held.PID, target.User), "idle in transaction since")
	advises(t, r, fmt.Sprintf("SELECT pg_terminate_backend(%d);", held.PID))
	held.Release()
	pgtest.Eventually(t, func() bool { return look(t, in, "prereq.moderators").Status == ops.StatusPass }, "the lock is let go")
}

// TestALockedVersionTableIsNamedWithWhoHoldsIt: where the database stands is asked before
// the checks run, and answered by one of them.
func TestALockedVersionTableIsNamedWithWhoHoldsIt(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	held := pgtest.HoldTable(t, target, "schema_migrations", "ACCESS EXCLUSIVE")
	_, err := in.Conn.Exec(t.Context(), "SET lock_timeout = '100ms'; SELECT version FROM schema_migrations")
	if err == nil {
		t.Fatal("it is not locked")
	}
	in.StateErr = &ops.Failure{What: err.Error(), Err: err} // as the runbook hands it on
	r := expect(t, in, "state.version", ops.StatusFail, fmt.Sprintf("pid %d (pgtest holder) holds ACCESS EXCLUSIVE on schema_migrations", held.PID))
	advises(t, r, fmt.Sprintf("SELECT pg_terminate_backend(%d);", held.PID))
}

// TestATableSomebodyStandsInLineForIsNamedWithWhomHeWaitsFor: the one in line is not the
// one to blame.
func TestATableSomebodyStandsInLineForIsNamedWithWhomHeWaitsFor(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	if _, err := in.Conn.Exec(t.Context(), "SET lock_timeout = '100ms'"); err != nil {
		t.Fatal(err)
	}
	held := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	waiter := pgtest.Connect(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = waiter.Exec(ctx, "ALTER TABLE users ADD note text") // cancelled below
	}()
	defer func() { cancel(); <-done }()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass)")
	}, "somebody stands in line")
	r := expect(t, in, "prereq.moderators", ops.StatusFail, fmt.Sprintf("pid %d (pgtest holder) holds ACCESS SHARE on users", held.PID))
	shows(t, r, fmt.Sprintf("pid %d: ", waiter.PgConn().PID()), "runs: ALTER TABLE users")
	advises(t, r, fmt.Sprintf("SELECT pg_terminate_backend(%d);", held.PID))
}

// TestRechecks are checks as they are, and no others than those that can have changed.
func TestRechecks(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{Altered: []preflight.Table{{Name: "clips"}}}}
	in.Thresholds.LongTransaction, in.Thresholds.LockHeld = time.Nanosecond, time.Nanosecond
	pgtest.HoldTable(t, target, "clips", "ACCESS SHARE")
	got := map[string]ops.Status{}
	var fatal []string
	for _, c := range preflight.Rechecks(in) {
		got[c.ID] = c.Evaluate(t.Context()).Status
		if c.Fatal {
			fatal = append(fatal, c.ID)
		}
	}
	want := map[string]ops.Status{
		"db.replication": ops.StatusPass, "activity.long_tx": ops.StatusFail, "activity.idle_tx": ops.StatusPass,
		"activity.locks": ops.StatusWarn, "activity.prepared": ops.StatusPass,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(fatal, []string{"db.replication", "activity.long_tx", "activity.prepared"}) {
		t.Errorf("%q stop", fatal)
	}
}
