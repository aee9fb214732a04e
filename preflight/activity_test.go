package preflight_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestLongTransactions(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	held := pgtest.Hold(t, target, `SELECT count(*), 'hunter2' FROM users`)
	in := situation(t, target)
	expect(t, in, "activity.long_tx", ops.StatusPass, "no transaction open for longer than 5 min")

	in.Thresholds.LongTransaction = time.Nanosecond
	r := expect(t, in, "activity.long_tx", ops.StatusFail, "a transaction has been open for")
	shows(t, r, fmt.Sprintf("pid %d: user %s  app pgtest holder", held.PID, target.User), "idle in transaction since",
		"in a transaction since", "holds ACCESS SHARE on users", "ran last: SELECT count(*), '…")
	for _, f := range r.Evidence {
		if strings.Contains(f.Value, "hunter2") {
			t.Errorf("a literal of somebody's query is shown: %s", f.Value)
		}
	}
	advises(t, r, fmt.Sprintf("SELECT pg_terminate_backend(%d);   then run preflight again", held.PID))

	second := pgtest.Hold(t, target, `SELECT 1`)
	r = expect(t, in, "activity.long_tx", ops.StatusFail, "2 transactions have been open")
	advises(t, r, fmt.Sprintf("ARRAY[%d, %d]", held.PID, second.PID))
	sql, _, _ := strings.Cut(r.Fix, "   then")
	pgtest.Exec(t, target, sql)
	pgtest.Eventually(t, func() bool { return look(t, in, "activity.long_tx").Status == ops.StatusPass }, "the fix helps")
}

func TestIdleTransactions(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	held := pgtest.Hold(t, target, `SELECT 1`)
	in := situation(t, target)
	expect(t, in, "activity.idle_tx", ops.StatusPass, "for longer than 60 s")
	in.Thresholds.IdleTransaction = time.Nanosecond
	shows(t, expect(t, in, "activity.idle_tx", ops.StatusWarn, "1 session idle in a transaction"), fmt.Sprint(held.PID))
	held.Release()
	pgtest.Eventually(t, func() bool { return look(t, in, "activity.idle_tx").Status == ops.StatusPass }, "the session is gone")
}

// TestActivityIsNotPassedByARoleThatCannotSeeIt guards against calling quiet
// what is only hidden. What the role can see is still reported.
func TestActivityIsNotPassedByARoleThatCannotSeeIt(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Hold(t, target, `SELECT 1`)
	role := nobody(t, target)
	in := situation(t, role)
	in.Thresholds.LongTransaction, in.Thresholds.IdleTransaction = time.Nanosecond, time.Nanosecond
	for _, id := range []string{"activity.long_tx", "activity.idle_tx"} {
		expect(t, in, id, ops.StatusSkip, "pg_read_all_stats (db.visibility)")
	}
	own := pgtest.Hold(t, role, `SELECT 1`)
	shows(t, expect(t, in, "activity.long_tx", ops.StatusFail, "has been open"), fmt.Sprintf("pid %d", own.PID))
	own.Release()
}

func TestActivityLeavesOurOwnSessionsOut(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	held := pgtest.Hold(t, target, `SELECT pg_advisory_lock($1)`, pg.OperatorLockID)
	in := situation(t, target)
	in.Thresholds.LongTransaction = time.Nanosecond
	in.OwnPIDs = []int{int(held.PID)}
	expect(t, in, "activity.long_tx", ops.StatusPass, "no transaction")
	expect(t, in, "activity.migrator", ops.StatusPass, "nobody else")
}

// TestActivityOfOtherDatabasesIsTheirs guards against a finding about a
// transaction that cannot be in the way.
func TestActivityOfOtherDatabasesIsTheirs(t *testing.T) {
	t.Parallel()
	pgtest.Hold(t, pgtest.New(t), `SELECT 1`)
	in := situation(t, pgtest.New(t))
	in.Thresholds.LongTransaction = time.Nanosecond
	expect(t, in, "activity.long_tx", ops.StatusPass, "no transaction")
}

func TestPreparedTransactions(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	expect(t, in, "activity.prepared", ops.StatusPass, "no prepared transaction")
	pgtest.Exec(t, target, `BEGIN; LOCK TABLE users IN ACCESS SHARE MODE; PREPARE TRANSACTION 'it''s `+target.Database+`'`)
	r := expect(t, in, "activity.prepared", ops.StatusFail, "1 prepared transaction holds its locks")
	shows(t, r, "it's "+target.Database+": prepared by")
	sql, _, _ := strings.Cut(r.Fix, "   or")
	pgtest.Exec(t, target, sql)
	expect(t, in, "activity.prepared", ops.StatusPass, "no prepared transaction")
}

func TestMigrator(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	in := situation(t, target)
	expect(t, in, "activity.migrator", ops.StatusPass, "nobody else")
	ids := pg.MigrateLockIDs(target.Database, "public", "schema_migrations")
	for id, whose := range map[int64]string{
		pg.OperatorLockID: "the clipperops lock", ids[0]: "the golang-migrate lock", ids[1]: "the golang-migrate lock",
	} {
		held := pgtest.Hold(t, target, `SELECT pg_advisory_lock($1)`, id)
		r := expect(t, in, "activity.migrator", ops.StatusFail, fmt.Sprintf("another operator is migrating: pid %d holds %s", held.PID, whose))
		shows(t, r, whose, "app pgtest holder", "since 20")
		advises(t, r, fmt.Sprintf("pg_terminate_backend(%d)", held.PID))
		held.Release()
		pgtest.Eventually(t, func() bool { return look(t, in, "activity.migrator").Status == ops.StatusPass }, "the lock is free")
	}
}

// TestMigratorIsSeenByEveryRole: locks are public, only the details are not.
func TestMigratorIsSeenByEveryRole(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Hold(t, target, `SELECT pg_advisory_lock($1)`, pg.OperatorLockID)
	expect(t, situation(t, nobody(t, target)), "activity.migrator", ops.StatusFail, "another operator is migrating")
}
