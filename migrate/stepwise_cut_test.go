package migrate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

func TestInterruptedWhileBuildingAnIndex(t *testing.T) {
	t.Parallel()
	target, src := indexed(t)
	pgtest.Exec(t, target, "UPDATE t SET c = a")
	// An older transaction makes CONCURRENTLY wait.
	holder := pgtest.Hold(t, target, "INSERT INTO t VALUES (9, 9, 9)")
	ctx, cancel := context.WithCancel(t.Context())
	var seen events
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.Waiting {
			holder.Release() // so that the sweep need not wait for it
			cancel()
		}
	}
	o := quick(migrate.ApplyOptions{Ledger: recordIn(t, target), OnEvent: seen.take})
	_, err := upWith(ctx, t, target, src, 1, o)
	if ops.CodeOf(err) != ops.ExitInterrupted { // the release may have let the first statement through
		t.Fatal(show(err))
	}
	if waiting := seen.texts(migrate.Waiting); !strings.Contains(strings.Join(waiting, ""), "000001 waits for a lock on") || !strings.Contains(strings.Join(waiting, ""), "pgtest holder") {
		t.Errorf("%q", waiting)
	}
	if left := invalid(t, target); len(left) > 0 {
		t.Errorf("INVALID: %v\n%s", left, show(err))
	}
	if text := show(err); !strings.Contains(text, "the database is at "+state(t, target).String()) {
		t.Error(text)
	}
	o.OnEvent = nil
	must(t)(up(t, target, src, 1, o))
	exists(t, target, true, "t_a", "t_b", "t_c")
}

// TestIndexThatOutlivedItsRun: the client was killed, the server went on building.
// The next run waits for it and takes it as done.
func TestIndexThatOutlivedItsRun(t *testing.T) {
	t.Parallel()
	target, src := indexed(t)
	pgtest.Exec(t, target, "UPDATE t SET c = a")
	o := migrate.ApplyOptions{Ledger: recordIn(t, target)}
	// What a SIGKILL in the second statement leaves.
	ctx, cancel := context.WithCancel(t.Context())
	var seen events
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.StatementDone {
			cancel()
		}
	}
	o.OnEvent = seen.take
	_, err := upWith(ctx, t, target, src, 1, o)
	failure(t, err, ops.ExitInterrupted, "1 of 3 statements", "goes on at statement 2 (line 3)")
	pgtest.Exec(t, target, `INSERT INTO clipperops.statements (version, direction, file_sha256, index, sha256, run_id)
		VALUES (1, 'up', '', 1, 'started ' || encode(sha256('CREATE INDEX CONCURRENTLY t_b ON t (b)'), 'hex'), 'killed')`)
	holder := pgtest.Hold(t, target, "INSERT INTO t VALUES (9, 9, 9)")
	outlived := pgtest.Connect(t, target)
	built := make(chan error, 1)
	go func() {
		_, err := outlived.Exec(t.Context(), "CREATE INDEX CONCURRENTLY t_b ON t (b)")
		built <- err
	}()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE datname = current_database() AND index_relid <> 0)")
	}, "the index is being built")
	var next events
	next.on = func(e migrate.Event) {
		if e.Kind == migrate.Note && strings.Contains(e.Text, "still being built by pid") {
			holder.Release()
		}
	}
	o.OnEvent = next.take
	applied := must(t)(up(t, target, src, 1, o))
	if err := <-built; err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(applied.Notes, "\n"); !strings.Contains(notes, "statement 2 of 000001_i.up.sql was completed before the run was cut off") {
		t.Errorf("%q", notes)
	}
	at(t, target, 1, false)
	exists(t, target, true, "t_a", "t_b", "t_c")
}

// TestConcurrentlyAndAWaitingMigratorDoNotWaitForEachOther: golang-migrate waits for
// the lock with a snapshot open, CONCURRENTLY waits for the snapshot, and no
// deadlock detector sees it, for the lock is held by an idle session.
func TestConcurrentlyAndAWaitingMigratorDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	target, src := indexed(t)
	pgtest.Exec(t, target, "UPDATE t SET c = a")
	lock := holdMigrationLock(t, target)
	waiter := pgtest.Connect(t, target)
	gone := make(chan error, 1)
	go func() {
		_, err := waiter.Exec(t.Context(), "SELECT pg_advisory_lock($1)", embeddedLock(target))
		gone <- err
	}()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = $1)", int32(waiter.PgConn().PID()))
	}, "another migrator waits")
	started := time.Now()
	_, err := up(t, target, src, 1, quick(migrate.ApplyOptions{LockLost: lock.Lost()}))
	f := failure(t, err, ops.ExitFailed, "waits for the migration lock held here", "blocked by pid", "app pgtest",
		"SELECT pg_terminate_backend(", "public.t_a that it left was dropped", "the database is at no version")
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %s to see", took)
	}
	if left := invalid(t, target); len(left) > 0 {
		t.Errorf("INVALID: %v\n%s", left, show(f))
	}
	if err := lock.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
}
