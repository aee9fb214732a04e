package migrate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// quick gives way fast, so that tests do.
func quick(o migrate.ApplyOptions) migrate.ApplyOptions {
	o.LockTimeout = 150 * time.Millisecond
	if o.RetryFor == 0 {
		o.RetryFor = 30 * time.Second
	}
	return o
}

func TestTableLockedByAnIdleTransactionIsWaitedForAndItsHolderNamed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	holder := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);\nALTER TABLE users ADD COLUMN b int;"})
	var seen events
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.Retrying && len(e.Blockers) > 0 {
			holder.Release()
		}
	}
	applied := must(t)(up(t, target, src, 1, quick(migrate.ApplyOptions{OnEvent: seen.take})))
	if applied.Files[0].Attempts < 2 {
		t.Errorf("%d attempts", applied.Files[0].Attempts)
	}
	waiting, retrying := seen.texts(migrate.Waiting), seen.texts(migrate.Retrying)
	if len(waiting) == 0 || !strings.Contains(waiting[0], "000001 waits for a lock on public.users held by pid") ||
		!strings.Contains(waiting[0], "pgtest holder, idle in transaction") {
		t.Errorf("%q", waiting)
	}
	if len(retrying) == 0 || !strings.Contains(retrying[len(retrying)-1], "did not get its lock on public.users, held by pid") || !strings.Contains(retrying[0], "next try in") {
		t.Errorf("%q", retrying)
	}
	at(t, target, 1, false)
}

func TestLockThatIsNeverFreedEndsTheRunNamingItsHolder(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);\nALTER TABLE users ADD COLUMN b int;"})
	before := schema(t, target)
	err := patiently(150*time.Millisecond, func(patience time.Duration) error {
		_, err := up(t, target, src, 1, migrate.ApplyOptions{LockTimeout: patience, RetryFor: 3 * patience})
		return err
	}, namesABlocker)
	f := failure(t, err, ops.ExitFailed, "nothing of it was applied", "line 2: ERROR canceling statement due to lock timeout (55P03)",
		"blocked by pid", "pgtest holder", "holds ACCESS SHARE on public.users", "the database is at no version", "SELECT pg_terminate_backend(")
	if !strings.Contains(f.What, "attempts") {
		t.Error(f.What)
	}
	if after := schema(t, target); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("%q, before %q", after, before)
	}
}

func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE a (id int); CREATE TABLE b (id int)")
	src := source(t, map[string]string{"000001_a": "LOCK TABLE a IN ACCESS EXCLUSIVE MODE;\nLOCK TABLE b IN ACCESS EXCLUSIVE MODE;"})
	other := pgtest.Connect(t, target)
	exec := func(sql string) error {
		_, err := other.Exec(t.Context(), sql)
		return err
	}
	if err := exec("SET deadlock_timeout = '10min'; BEGIN; LOCK TABLE b IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	crossed := make(chan error, 1)
	var seen events
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.Waiting { // it holds a and waits for b: now wait for a
			go func() { crossed <- exec("LOCK TABLE a IN ACCESS EXCLUSIVE MODE; COMMIT") }()
		}
	}
	o := migrate.ApplyOptions{OnEvent: seen.take, LockTimeout: 20 * time.Second, RetryFor: 30 * time.Second}
	applied := must(t)(up(t, target, src, 1, o))
	if err := <-crossed; err != nil {
		t.Fatal(err)
	}
	if applied.Files[0].Attempts != 2 || !strings.Contains(strings.Join(seen.texts(migrate.Retrying), ""), "met a deadlock") {
		t.Errorf("%d attempts, %q", applied.Files[0].Attempts, seen.texts(migrate.Retrying))
	}
}

func TestStatementTimeoutIsTheServersAndEndsTheFile(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);\nSELECT pg_sleep(60);"})
	_, err := up(t, target, src, 1, migrate.ApplyOptions{StatementTimeout: 50 * time.Millisecond})
	failure(t, err, ops.ExitFailed, "line 2: ERROR canceling statement due to statement timeout (57014)", "more time with --timeout")
	at(t, target, -1, false)
	exists(t, target, false, "a")
}

// TestTimeoutsOfTheRoleDoNotCutAMigration: ours are stated in every transaction.
func TestTimeoutsOfTheRoleDoNotCutAMigration(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	pgtest.Exec(t, target, "ALTER ROLE "+pgx.Identifier{target.User}.Sanitize()+" SET statement_timeout = 1")
	src := source(t, map[string]string{"000001_a": "SELECT pg_sleep(0.05); CREATE TABLE a (id int);"})
	p, err := migrate.PlanUp(src, clean(-1), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	must(t)(migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, migrate.ApplyOptions{}))
}

func TestWhoWaitsForTheVersionRowGivesWayToo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int);"})
	must(t)(up(t, target, src, 1, migrate.ApplyOptions{}))
	holder := pgtest.HoldTable(t, target, "schema_migrations", "ACCESS EXCLUSIVE")
	p, err := migrate.PlanUp(src, clean(1), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Reading the state waits as well: it asks before anything is begun.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := migrate.Apply(ctx, target, p, noBackup, noRehearsal, quick(migrate.ApplyOptions{}))
		done <- err
	}()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'schema_migrations'::regclass)")
	}, "somebody waits for schema_migrations")
	holder.Release()
	if err := <-done; err != nil {
		t.Error(show(err))
	}
	cancel()
	at(t, target, 2, false)
}
