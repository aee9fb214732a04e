package database_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/problem"
)

func open(t *testing.T, config database.Config) *database.Pool {
	t.Helper()
	pool, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// TestADatabaseThatIsAwayIsSaidWithinASecond: when it is stopped, and when it is
// there but does not answer; when it is back the same pool serves.
func TestADatabaseThatIsAwayIsSaidWithinASecond(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pool := open(t, database.Config{URL: server.Target("postgres").ConnString()})
	pgtest.Eventually(t, func() bool { return pool.Ping(t.Context()) == nil }, "the pool serves")
	server.Kill()
	// The processes behind the connections end a moment after the one that was killed.
	pgtest.Eventually(t, func() bool { return pool.Ping(t.Context()) != nil }, "the server is gone")
	quickest := time.Hour // a busy machine may stop for a while, but not each time
	for range 5 {
		start := time.Now()
		err := pool.Ping(t.Context())
		if got := problem.Of(err); got == nil || got.Code != problem.Unavailable {
			t.Errorf("a stopped server is shown as %v", err)
		}
		quickest = min(quickest, time.Since(start))
	}
	if quickest > 1500*time.Millisecond {
		t.Errorf("it took %s to say so", quickest)
	}
	if err := server.Resume(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, func() bool { return pool.Ping(t.Context()) == nil }, "the pool serves again")
}

// TestNobodyPilesUp: with every connection taken and the queue full, the next is
// refused at once, and those who wait give up in time.
func TestNobodyPilesUp(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	pool := open(t, database.Config{URL: target.ConnString(), MaxConns: 2, Queue: 3, Timeout: time.Minute})
	release := make(chan struct{})
	var busy sync.WaitGroup
	for range 5 {
		busy.Go(func() {
			err := pool.Read(t.Context(), func(context.Context, pgx.Tx) error { <-release; return nil })
			if err != nil {
				t.Errorf("one who waited was not served: %v", err)
			}
		})
	}
	pgtest.Eventually(t, func() bool { _, _, present := pool.Stat(); return present == 5 }, "five are there")
	err := pool.Ping(t.Context())
	if got := problem.Of(err); got.Code != problem.Unavailable || got.Retry == 0 || !strings.Contains(got.Message, "waiting") {
		t.Errorf("the sixth got %v", err)
	}
	close(release)
	busy.Wait()
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestATransactionThatTakesTooLongEndsAtTheServerToo: the client is told, and no
// backend goes on for nobody.
func TestATransactionThatTakesTooLongEndsAtTheServerToo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	pool := open(t, database.Config{URL: target.ConnString(), Timeout: 300 * time.Millisecond})
	if err := pool.Ping(t.Context()); err != nil {
		pgtest.Eventually(t, func() bool { return pool.Ping(t.Context()) == nil })
	}
	err := pool.Read(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT pg_sleep(3600)")
		return err
	})
	if problem.Of(err).Code != problem.Unavailable {
		t.Errorf("shown as %v", err)
	}
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int](t, target, "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid() AND state = 'active'") == 0
	}, "the statement has ended at the server")
}

// TestAWriteGoesOnWhenTheClientHangsUp: what was begun is done; what was not begun
// is not.
func TestAWriteGoesOnWhenTheClientHangsUp(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	pgtest.Exec(t, target, "CREATE TABLE done (n int)")
	pool := open(t, database.Config{URL: target.ConnString(), Timeout: time.Minute})
	ctx, hangUp := context.WithCancel(t.Context())
	err := pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		hangUp()
		_, err := tx.Exec(ctx, "INSERT INTO done VALUES (1)")
		return err
	})
	if err != nil {
		t.Errorf("the write was given up: %v", err)
	}
	if err := pool.Write(ctx, func(context.Context, pgx.Tx) error { t.Error("begun for nobody"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*)::int FROM done"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestAWriteThatFailsLeavesNothing, and a read cannot write.
func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	pgtest.Exec(t, target, "CREATE TABLE done (n int)")
	pool := open(t, database.Config{URL: target.ConnString(), Timeout: time.Minute})
	insert := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO done VALUES (1)")
		return err
	}
	refused := problem.New(problem.Conflict, "no")
	err := pool.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if err := insert(ctx, tx); err != nil {
			return err
		}
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if err := pool.Read(t.Context(), insert); err == nil {
		t.Error("a read wrote")
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*)::int FROM done"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// TestNoPasswordInAnError: neither a URL that cannot be read nor a name shows it.
func TestNoPasswordInAnError(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://u:s3cret@[::1/db", "host=x password=s3cret port=zzz"} {
		_, err := database.Open(t.Context(), database.Config{URL: url})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
	if name := (database.Config{URL: "postgres://u:s3cret@h:5433/d"}).String(); name != "u@h:5433/d" {
		t.Errorf("the database is named %q", name)
	}
}
