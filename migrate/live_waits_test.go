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
// and has waited a while, it lets go. It returns how often it has.
func relay(t *testing.T, target config.Target, tables []string, hold time.Duration) *atomic.Int64 {
	t.Helper()
	var released atomic.Int64
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
			released.Add(1)
			held.Release()
		}()
	}
	return &released
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
	released := relay(t, target, tables, patience*6/10)
	src := source(t, map[string]string{"000001_a": body.String()})

	var most int64 // of the tables that were waited for during one read
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
			before := released.Load()
			if _, err := reader.Exec(t.Context(), "SELECT count(*) FROM t0"); err != nil {
				t.Error(err)
				return
			}
			most = max(most, released.Load()-before)
			time.Sleep(time.Millisecond)
		}
	}()
	var seen events
	o := migrate.ApplyOptions{LockTimeout: patience, RetryFor: 10 * time.Minute, OnEvent: seen.take}
	applied := must(t)(up(t, target, src, 1, o))
	close(stop)
	<-done
	// All six, were the waits not added up; one, and another where the observer comes late.
	if most > 3 {
		t.Errorf("a reader waited until %d tables were let go, one after the other", most)
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
	pgtest.HoldTable(t, target, "b", "ACCESS SHARE")
	src := source(t, map[string]string{"000001_a": "ALTER TABLE a ADD c int;\nALTER TABLE b ADD c int;"})
	// The server would end the wait for b as long after the observer has to as a is held.
	err := patiently(1500*time.Millisecond, func(patience time.Duration) error {
		relay(t, target, []string{"a"}, patience*6/10)
		_, err := up(t, target, src, 1, migrate.ApplyOptions{LockTimeout: patience, RetryFor: -1})
		return err
	}, func(err error) bool { return strings.Contains(show(err), "given up") && namesABlocker(err) })
	failure(t, err, ops.ExitFailed, "line 2: ERROR given up: it waited for several locks, ", " s in all, holding the first ones (55P03)",
		"blocked by pid", "holds ACCESS SHARE on public.b", "SELECT pg_terminate_backend(")
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
	super := pgtest.Shared(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);\nALTER TABLE users ADD COLUMN b int;"})
	var holder *pgtest.Held
	var notes []string
	err := patiently(time.Second, func(patience time.Duration) error {
		target := pgtest.New(t, pgtest.AsRole()) // another: nobody can look into one that was blinded
		pgtest.Exec(t, target, "CREATE TABLE users (id int)")
		holder = pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
		var seen events
		blinded := false
		seen.on = func(e migrate.Event) {
			if e.Kind == migrate.Retrying && !blinded && len(e.Blockers) > 0 {
				blinded = true
				blind(t, super, target.Database)
			}
		}
		_, err := up(t, target, src, 1, migrate.ApplyOptions{
			LockTimeout: patience, RetryFor: 6 * patience, ReconnectFor: 100 * time.Millisecond, OnEvent: seen.take,
		})
		notes = seen.texts(migrate.Note)
		return err
	}, func(error) bool { return len(notes) > 0 })
	failure(t, err, ops.ExitFailed, "attempts", fmt.Sprintf("blocked by pid %d", holder.PID))
	if len(notes) != 1 || !strings.Contains(notes[0], "who blocks a file cannot be seen: ") {
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
