package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/pgtest"
)

func configOf(t *testing.T, target config.Target) *pgx.ConnConfig {
	t.Helper()
	c, err := pgx.ParseConfig(target.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	c.RuntimeParams["application_name"] = "flags"
	return c
}

func setUp(t *testing.T, target config.Target) *postgres.Store {
	t.Helper()
	if err := postgres.Setup(t.Context(), pgtest.Connect(t, target)); err != nil {
		t.Fatal(err)
	}
	return postgres.Open(configOf(t, target)).Poll(time.Hour) // what is told must be enough
}

// put sets the flag as an operator does with psql, who knows nothing of versions.
func put(target config.Target) func(*testing.T, featureflag.Flag) {
	return func(t *testing.T, f featureflag.Flag) {
		t.Helper()
		pgtest.Exec(t, target, `INSERT INTO clipperops.feature_flags (key, enabled, percentage, enabled_users) VALUES ($1, $2, $3::text::numeric, $4)
			ON CONFLICT (key) DO UPDATE SET enabled = excluded.enabled, percentage = excluded.percentage, enabled_users = excluded.enabled_users`,
			f.Key, f.Enabled, f.Percentage.String(), f.Users())
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	featureflagtest.Run(t, func(t *testing.T) featureflagtest.Bench {
		target := pgtest.New(t, pgtest.Empty())
		return featureflagtest.Bench{Store: setUp(t, target), Put: put(target), Break: func(t *testing.T) func() {
			pgtest.Exec(t, target, "ALTER TABLE clipperops.feature_flags RENAME TO gone")
			// The listener is waiting; losing its connection makes it look.
			pgtest.Exec(t, target, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flags' AND datname = current_database()")
			return func() { pgtest.Exec(t, target, "ALTER TABLE clipperops.gone RENAME TO feature_flags") }
		}}
	})
}

// TestAServerThatIsRestarted: the last good flags stay while it is away, and what
// changed meanwhile is there soon after it is back.
func TestAServerThatIsRestarted(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"synchronous_commit": "on"})
	target := server.Target("postgres")
	store := setUp(t, target)
	put(target)(t, featureflagtest.New(t, true, featureflag.Everybody))
	live := featureflag.NewLive(store)
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { live.Run(ctx) })
	defer running.Wait()
	defer stop()
	server.Kill()
	pgtest.Eventually(t, func() bool { return live.Status().Error != "" }, "the loss is shown")
	if !live.On("twitch_moderation", "anybody") {
		t.Error("the flag went off with its database")
	}
	if strings.Contains(live.Status().Error, "password=") {
		t.Errorf("a password is shown: %s", live.Status().Error)
	}
	if err := server.Resume(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	put(target)(t, featureflagtest.New(t, false, 0))
	pgtest.Eventually(t, func() bool { return live.Status().Error == "" && !live.On("twitch_moderation", "anybody") }, "the change is seen")
}

// TestThePollFindsWhatWasNotTold: a pooler in between, a trigger that somebody took
// away.
func TestThePollFindsWhatWasNotTold(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	store := setUp(t, target).Poll(20 * time.Millisecond)
	pgtest.Exec(t, target, "ALTER TABLE clipperops.feature_flags DISABLE TRIGGER ALL")
	live := featureflag.NewLive(store)
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { live.Run(ctx) })
	defer running.Wait()
	defer stop()
	put(target)(t, featureflagtest.New(t, true, featureflag.Everybody))
	pgtest.Eventually(t, func() bool { return live.On("twitch_moderation", "anybody") }, "the poll finds it")
}

// TestSetup: several at once, again and again, by a role that may; and what is said
// where nobody has run it.
func TestSetup(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty(), pgtest.AsRole())
	if _, err := postgres.Open(configOf(t, target)).Load(t.Context()); err == nil || !strings.Contains(err.Error(), "moderation-api setup") {
		t.Errorf("without its table the store says %v", err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			conn, err := pgx.ConnectConfig(t.Context(), configOf(t, target))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
			if err := postgres.Setup(t.Context(), conn); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := postgres.Open(configOf(t, target)).Load(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTheSecondOperatorSeesWhatTheFirstDid: with the name.
func TestTheSecondOperatorSeesWhatTheFirstDid(t *testing.T) {
	t.Parallel()
	store := setUp(t, pgtest.New(t, pgtest.Empty()))
	if _, err := store.Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 1000), By: "alice"}); err != nil {
		t.Fatal(err)
	}
	_, err := store.Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 5000), By: "bob"})
	var conflict *featureflag.Conflict
	if !errors.As(err, &conflict) || conflict.By != "alice" || conflict.Have.Percentage != 1000 {
		t.Errorf("bob is told %v", err)
	}
}
