package pg_test

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-migrate/migrate/v4/database"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// patience is far longer than anything here takes on a busy machine.
const patience = 30 * time.Second

func TestLockIDsAreGolangMigratesOwn(t *testing.T) {
	t.Parallel()
	got := pg.MigrateLockIDs("clipper_db", "public", "schema_migrations")
	var want [2]int64
	for i, name := range []string{"/clipper_db", "clipper_db"} {
		text, err := database.GenerateAdvisoryLockId(name, "public", "schema_migrations")
		if err != nil {
			t.Fatal(err)
		}
		if want[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// migrators are golang-migrate's driver as its CLI opens it and as a program
// embeds it; the two hash different names.
func migrators(t *testing.T, target config.Target) map[string]database.Driver {
	t.Helper()
	url := target.URL().Reveal()
	cli, err := (&migratepgx.Postgres{}).Open(strings.Replace(url, "postgres://", "pgx5://", 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	db, err := sql.Open("pgx/v5", url)
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := migratepgx.WithInstance(db, &migratepgx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	return map[string]database.Driver{"CLI": cli, "embedded": embedded}
}

func TestGolangMigrateHoldingItsLockIsBusy(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	for name, driver := range migrators(t, target) {
		if err := driver.Lock(); err != nil {
			t.Fatal(err)
		}
		_, err := pg.Lock(t.Context(), target, pg.LockRequest{Application: "test"})
		var busy *pg.BusyError
		if !errors.As(err, &busy) || len(busy.Holders) != 1 {
			t.Fatalf("%s: error %v, want one holder", name, err)
		}
		if h := busy.Holders[0]; h.What != "the golang-migrate lock" || h.User != target.User || h.Since.IsZero() || h.Address == "" {
			t.Errorf("%s: holder %+v", name, h)
		}
		if err := driver.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGolangMigrateWaitsWhileWeHoldTheLock(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	drivers := migrators(t, target) // opening one takes the lock for a moment
	held := lock(t, target, pg.LockRequest{Application: "clipperops test"})
	conn := pgtest.Connect(t, target)
	ids := pg.MigrateLockIDs(target.Database, "public", "schema_migrations")
	var done sync.WaitGroup
	for _, driver := range drivers {
		done.Go(func() {
			if err := driver.Lock(); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "both wait", func() bool {
		waiting, err := pg.Waiting(t.Context(), conn, ids[:]...)
		if err != nil {
			t.Fatal(err)
		}
		return len(waiting) == 2
	})
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	done.Wait()
}

func TestTheSecondOperatorLearnsWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	lock(t, target, pg.LockRequest{Application: "clipperops migrate", Holder: "alice@ops1"})
	_, err := pg.Lock(t.Context(), target, pg.LockRequest{Application: "clipperops rollback (bob@ops2)"})
	f := ops.AsFailure(err)
	if f == nil || f.Code != ops.ExitBusy {
		t.Fatalf("error %v, want busy", err)
	}
	if !strings.Contains(f.What, "clipperops migrate (alice@ops1)") || !strings.Contains(f.What, "the clipperops lock") {
		t.Errorf("what %q does not say who holds what", f.What)
	}
	if len(f.Detail) != 1 || !strings.Contains(f.Detail[0], "since ") || !strings.Contains(f.Detail[0], "user "+target.User) {
		t.Errorf("detail %q does not say who and since when", f.Detail)
	}
}

// Guards against two operators that start at once and each hold a part of the locks.
func TestOfManyAtOnceExactlyOneHasTheLock(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	var together sync.WaitGroup
	var mu sync.Mutex
	inside := 0
	for range 5 {
		together.Go(func() {
			held, err := pg.Lock(t.Context(), target, pg.LockRequest{Application: "test", Wait: patience})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if inside++; inside != 1 {
				t.Errorf("%d hold the lock", inside)
			}
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			if err := held.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
}

func TestWaitingSaysForWhomAndEndsWhenTheLockIsFree(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	first := lock(t, target, pg.LockRequest{Application: "first"})
	var told []pg.Holder
	second := lock(t, target, pg.LockRequest{Application: "second", Wait: patience, OnWait: func(h []pg.Holder) {
		told = append(told, h...)
		if err := first.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}})
	if len(told) != 1 || told[0].Application != "first" || told[0].PID != int(first.PID()) {
		t.Errorf("told of %+v, want the first", told)
	}
	select {
	case <-second.Lost():
		t.Error("the lock is lost")
	default:
	}
}

func TestWaitingForTheLockCanBeInterrupted(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	lock(t, target, pg.LockRequest{Application: "first"})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := pg.Lock(ctx, target, pg.LockRequest{Application: "second", Wait: patience, OnWait: func([]pg.Holder) { cancel() }})
	if ops.CodeOf(err) != ops.ExitInterrupted {
		t.Errorf("error %v, want interrupted", err)
	}
}

func TestAReleasedLockIsFreeAtOnce(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	for range 20 {
		held := lock(t, target, pg.LockRequest{Application: "test"})
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // clean-up happens after Ctrl-C
		if err := held.Release(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALockWhoseConnectionDiesIsLost(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	held := lock(t, target, pg.LockRequest{Application: "test"})
	pgtest.Exec(t, target, "SELECT pg_terminate_backend($1)", int(held.PID()))
	select {
	case <-held.Lost():
	case <-time.After(patience):
		t.Fatal("nobody noticed")
	}
	if err := held.Release(t.Context()); err == nil {
		t.Error("releasing a lost lock says nothing")
	}
}

// Guards against a database's statement or idle timeout ending the lock while a
// person reads the plan.
func TestTheLockSurvivesIdleTimeouts(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	major := pgtest.QueryValue[int](t, target, "SELECT current_setting('server_version_num')::int / 10000")
	if major < 14 {
		return // such servers have no idle_session_timeout
	}
	pgtest.Exec(t, target, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET idle_session_timeout = 50', current_database()); END $$")
	held := lock(t, target, pg.LockRequest{Application: "test"})
	// Whoever came after the lock and is not spared is ended after it would have been.
	other := pgtest.Connect(t, target)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := other.WaitForNotification(ctx)
	if ended := (*pgconn.PgError)(nil); !errors.As(err, &ended) || ended.Code != "57P05" {
		t.Fatalf("idle sessions are not ended here: %v", err)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Errorf("the server ended the lock: %v", err)
	}
}

func lock(t *testing.T, target config.Target, r pg.LockRequest) *pg.Held {
	t.Helper()
	held, err := pg.Lock(t.Context(), target, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Release(context.WithoutCancel(t.Context())) })
	return held
}

// eventually waits for a condition, asking again and again.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
