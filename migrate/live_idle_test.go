package migrate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

func alive(t *testing.T, target config.Target, pid uint32) bool {
	t.Helper()
	return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int)", int64(pid))
}

func altersUsers(t *testing.T) *migrate.Source {
	t.Helper()
	return source(t, map[string]string{"000001_a": "ALTER TABLE users ADD COLUMN b int;"})
}

func TestIdleBlockersAreEndedAndNamed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	first := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	second := pgtest.HoldTable(t, target, "users", "ROW EXCLUSIVE")
	bystander := pgtest.Hold(t, target, "SELECT 1") // as idle, and in nobody's way
	var seen events
	o := migrate.ApplyOptions{CancelIdleBlockers: time.Millisecond, OnEvent: seen.take, LockTimeout: 10 * time.Second}
	applied := must(t)(up(t, target, altersUsers(t), 1, o))
	if len(applied.Ended) != 2 || applied.Files[0].Attempts != 1 {
		t.Fatalf("ended %v in %d attempts", applied.Ended, applied.Files[0].Attempts)
	}
	texts := strings.Join(seen.texts(migrate.Ended), "\n")
	for held, what := range map[*pgtest.Held]string{first: "ACCESS SHARE", second: "ROW EXCLUSIVE"} {
		want := fmt.Sprintf("000001: ended pid %d (pgtest holder, idle in transaction, ", held.PID)
		if !strings.Contains(texts, want) || !strings.Contains(texts, "which held "+what+" on public.users") {
			t.Errorf("%q is not in\n%s", want, texts)
		}
		pgtest.Eventually(t, func() bool { return !alive(t, target, held.PID) }, "the session is gone")
	}
	if !alive(t, target, bystander.PID) {
		t.Error("a session that was in nobody's way was ended")
	}
}

// TestIdleBlockersAreLeftAloneUnlessAskedFor, and those that have not been idle for
// long enough.
func TestIdleBlockersAreLeftAloneUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]time.Duration{"off": 0, "not for long enough": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			pgtest.Exec(t, target, "CREATE TABLE users (id int)")
			held := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
			var applied *migrate.Applied
			err := patiently(time.Second, func(patience time.Duration) (err error) {
				applied, err = up(t, target, altersUsers(t), 1, migrate.ApplyOptions{CancelIdleBlockers: limit, LockTimeout: patience, RetryFor: -1})
				return err
			}, namesABlocker)
			failure(t, err, ops.ExitFailed, fmt.Sprintf("blocked by pid %d", held.PID))
			if len(applied.Ended) != 0 || !alive(t, target, held.PID) {
				t.Errorf("it was ended: %v", applied.Ended)
			}
		})
	}
}

// TestABlockerAtWorkIsNeverEnded: it blocks as an idle one does, and is not idle.
func TestABlockerAtWorkIsNeverEnded(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	worker := pgtest.Connect(t, target)
	working, release := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = worker.Exec(working, "BEGIN; LOCK TABLE users IN ACCESS SHARE MODE; SELECT pg_sleep(600)") // cancelled below
	}()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')")
	}, "it works")
	pid := worker.PgConn().PID()
	err := patiently(150*time.Millisecond, func(patience time.Duration) error {
		_, err := up(t, target, altersUsers(t), 1, migrate.ApplyOptions{CancelIdleBlockers: time.Nanosecond, LockTimeout: patience, RetryFor: 2 * patience})
		return err
	}, namesABlocker)
	failure(t, err, ops.ExitFailed, fmt.Sprintf("blocked by pid %d", pid))
	if !alive(t, target, pid) {
		t.Error("it was ended")
	}
	release()
	<-done
}

// TestIdleBlockersOfAnotherRole: without the right to end them it is said, once.
func TestIdleBlockersOfAnotherRole(t *testing.T) {
	t.Parallel()
	role := pgtest.NewRole(t, "") // before the database, so that it is dropped after it
	super := pgtest.New(t)
	me := pgx.Identifier{role.User}.Sanitize()
	pgtest.Exec(t, super, "GRANT pg_read_all_stats TO "+me+"; ALTER DATABASE "+pgx.Identifier{super.Database}.Sanitize()+" OWNER TO "+me+"; ALTER SCHEMA public OWNER TO "+me)
	target := role.WithDatabase(super.Database)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	held := pgtest.HoldTable(t, super, "users", "ACCESS SHARE")
	var applied *migrate.Applied
	var notes []string
	err := patiently(150*time.Millisecond, func(patience time.Duration) (err error) {
		var seen events
		o := migrate.ApplyOptions{CancelIdleBlockers: time.Millisecond, LockTimeout: patience, RetryFor: 4 * patience, OnEvent: seen.take}
		applied, err = up(t, target, altersUsers(t), 1, o)
		notes = seen.texts(migrate.Note)
		return err
	}, func(err error) bool { return namesABlocker(err) && len(notes) > 0 })
	f := failure(t, err, ops.ExitFailed, fmt.Sprintf("blocked by pid %d", held.PID))
	if !strings.Contains(f.What, "attempts") || len(applied.Ended) != 0 || !alive(t, super, held.PID) {
		t.Errorf("%s, ended %v", f.What, applied.Ended)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "an idle session that blocks may not be ended by this role") || !strings.Contains(notes[0], fmt.Sprint(held.PID)) {
		t.Errorf("%q", notes)
	}
}

// TestABlockerThatCannotBeSeenIsNotEnded: whether it is idle cannot be told.
func TestABlockerThatCannotBeSeenIsNotEnded(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	super := pgtest.Shared(t).WithDatabase(target.Database)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	held := pgtest.HoldTable(t, super, "users", "ACCESS SHARE")
	var notes []string
	err := patiently(150*time.Millisecond, func(patience time.Duration) error {
		var seen events
		o := migrate.ApplyOptions{CancelIdleBlockers: time.Millisecond, LockTimeout: patience, RetryFor: 2 * patience, OnEvent: seen.take}
		_, err := up(t, target, altersUsers(t), 1, o)
		notes = seen.texts(migrate.Note)
		return err
	}, func(err error) bool { return namesABlocker(err) && len(notes) > 0 })
	failure(t, err, ops.ExitFailed, fmt.Sprintf("blocked by pid %d", held.PID))
	if len(notes) != 1 || !strings.Contains(notes[0], "pg_read_all_stats") {
		t.Errorf("%q", notes)
	}
}

// TestAnOldTransactionInTheWayOfConcurrentlyIsEnded: it blocks by its age, not by a lock.
func TestAnOldTransactionInTheWayOfConcurrentlyIsEnded(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	held := pgtest.Hold(t, target, "INSERT INTO users VALUES (1)")
	src := source(t, map[string]string{"000001_a": "CREATE INDEX CONCURRENTLY users_id ON users (id);"})
	applied := must(t)(up(t, target, src, 1, migrate.ApplyOptions{CancelIdleBlockers: time.Millisecond, Ledger: recordIn(t, target)}))
	if len(applied.Ended) != 1 || applied.Ended[0].PID != int(held.PID) {
		t.Errorf("ended %v", applied.Ended)
	}
	exists(t, target, true, "users_id")
}
