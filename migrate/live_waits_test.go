package migrate_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// relay keeps one of the tables locked at a time: when the file comes to wait for it
// and has waited a while, it lets go.
func relay(t *testing.T, target config.Target, tables []string, hold time.Duration) {
	t.Helper()
	for _, table := range tables {
		held := pgtest.HoldTable(t, target, table, "ACCESS SHARE")
		conn := pgtest.Connect(t, target)
		go func() {
			for waited := false; !waited; {
				err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_sleep(0.005), pg_locks WHERE NOT granted
					AND relation = $1::regclass AND clock_timestamp() - waitstart >= $2)`, table, hold).Scan(&waited)
				if err != nil {
					return // the test is over, and so is the holder
				}
			}
			held.Release()
		}()
	}
}

// TestWaitsForSeveralLocksAddUp guards against a file that holds its first lock while
// it waits almost lock_timeout for each of the others: who wants the first would wait
// for all of them.
func TestWaitsForSeveralLocksAddUp(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	if pgtest.QueryValue[int](t, target, "SELECT current_setting('server_version_num')::int") < 140000 {
		t.Skip("waitstart is new in 14, and the test goes by it")
	}
	var create, body strings.Builder
	var tables []string
	for i := range 6 {
		table := fmt.Sprintf("t%d", i)
		tables = append(tables, table)
		fmt.Fprintf(&create, "CREATE TABLE %s (id int);", table)
		fmt.Fprintf(&body, "ALTER TABLE %s ADD COLUMN b int;\n", table)
	}
	pgtest.Exec(t, target, create.String())
	const patience = 1500 * time.Millisecond
	relay(t, target, tables, patience*6/10) // together 5.4 s
	src := source(t, map[string]string{"000001_a": body.String()})

	var longest atomic.Int64
	stop := make(chan struct{})
	done := make(chan struct{})
	reader := pgtest.Connect(t, target)
	go func() { // an application that reads the first table
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			if _, err := reader.Exec(t.Context(), "SELECT count(*) FROM t0"); err != nil {
				t.Error(err)
				return
			}
			longest.Store(max(longest.Load(), int64(time.Since(began))))
			time.Sleep(time.Millisecond)
		}
	}()
	var seen events
	o := migrate.ApplyOptions{LockTimeout: patience, RetryFor: time.Minute, OnEvent: seen.take}
	applied := must(t)(up(t, target, src, 1, o))
	close(stop)
	<-done
	if got := time.Duration(longest.Load()); got > patience+time.Second {
		t.Errorf("a reader waited %s behind waits of at most %s", got, patience)
	}
	if applied.Files[0].Attempts < 2 {
		t.Errorf("%d attempts: it never gave way", applied.Files[0].Attempts)
	}
	if got := seen.texts(migrate.Retrying); len(got) == 0 || !strings.Contains(got[0], "did not get its lock on public.t") {
		t.Errorf("%q", got)
	}
	at(t, target, 1, false)
}

// TestWaitsThatAddUpAreNamedAtTheEnd: the failure says what happened, not that a user
// had asked for it.
func TestWaitsThatAddUpAreNamedAtTheEnd(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE a (id int); CREATE TABLE b (id int)")
	relay(t, target, []string{"a"}, 900*time.Millisecond)
	pgtest.HoldTable(t, target, "b", "ACCESS SHARE")
	src := source(t, map[string]string{"000001_a": "ALTER TABLE a ADD c int;\nALTER TABLE b ADD c int;"})
	o := migrate.ApplyOptions{LockTimeout: 1500 * time.Millisecond, RetryFor: -1}
	began := time.Now()
	_, err := up(t, target, src, 1, o)
	took := time.Since(began)
	failure(t, err, ops.ExitFailed, "line 2: ERROR given up: it waited for several locks, 1.", "in all, holding the first ones (55P03)",
		"blocked by pid", "holds ACCESS SHARE on public.b", "SELECT pg_terminate_backend(")
	if took > 2400*time.Millisecond { // 0.9 s for a and 1.5 s for b
		t.Errorf("it waited %s", took)
	}
	at(t, target, -1, false)
}

// TestAFileThatSetsItsOwnLockTimeoutHasItsWay: its waits are not added up.
func TestAFileThatSetsItsOwnLockTimeoutHasItsWay(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	if pgtest.QueryValue[int](t, target, "SELECT current_setting('server_version_num')::int") < 140000 {
		t.Skip("waitstart is new in 14, and the test goes by it")
	}
	pgtest.Exec(t, target, "CREATE TABLE a (id int); CREATE TABLE b (id int)")
	relay(t, target, []string{"a", "b"}, 300*time.Millisecond)
	src := source(t, map[string]string{"000001_a": "SET lock_timeout = '20s';\nALTER TABLE a ADD c int;\nALTER TABLE b ADD c int;"})
	applied := must(t)(up(t, target, src, 1, migrate.ApplyOptions{LockTimeout: 200 * time.Millisecond, RetryFor: -1}))
	if applied.Files[0].Attempts != 1 {
		t.Errorf("%d attempts", applied.Files[0].Attempts)
	}
}

// TestTheLastTryNamesWhoWasInTheWayBefore: an observer that sees nothing in the last
// attempt does not leave the operator without a name.
func TestTheLastTryNamesWhoWasInTheWayBefore(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	pgtest.Exec(t, target, "CREATE TABLE users (id int)")
	holder := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	super := pgtest.Shared(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);\nALTER TABLE users ADD COLUMN b int;"})
	var seen events
	blinded := false
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.Retrying && !blinded && len(e.Blockers) > 0 {
			blinded = true
			blind(t, super, target.Database)
		}
	}
	o := migrate.ApplyOptions{
		LockTimeout: time.Second, RetryFor: 6 * time.Second, ReconnectFor: 100 * time.Millisecond, OnEvent: seen.take,
	}
	_, err := up(t, target, src, 1, o)
	if !blinded {
		t.Fatal("no attempt saw who is in the way")
	}
	failure(t, err, ops.ExitFailed, "attempts", fmt.Sprintf("blocked by pid %d", holder.PID))
	if notes := seen.texts(migrate.Note); len(notes) != 1 || !strings.Contains(notes[0], "who blocks a file cannot be seen: ") {
		t.Errorf("%q", notes)
	}
}

// blind ends the observer's session and lets no other in.
func blind(t *testing.T, super config.Target, database string) {
	t.Helper()
	pgtest.Exec(t, super, "ALTER DATABASE "+pgx.Identifier{database}.Sanitize()+" CONNECTION LIMIT 1")
	n := pgtest.QueryValue[int](t, super, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = $1 AND application_name = 'clipperops migrate' AND query <> 'ROLLBACK'`, database)
	if n != 1 {
		t.Errorf("%d sessions were ended, not the observer's alone", n)
	}
}
