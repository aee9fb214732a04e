package schema_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/schema"
)

func read(t *testing.T, target config.Target) schema.State {
	t.Helper()
	pool, err := database.Open(t.Context(), database.Config{URL: target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s, err := schema.Read(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatIsMissingIsSaidWithTheCommand: at every stage of a database's life.
func TestWhatIsMissingIsSaidWithTheCommand(t *testing.T) {
	t.Parallel()
	wants := func(target config.Target, what string) {
		t.Helper()
		if got := read(t, target).Problem(); (what == "") != (got == "") || !strings.Contains(got, what) {
			t.Errorf("it says %q, want %q", got, what)
		}
	}
	wants(pgtest.New(t, pgtest.Empty()), "no migration has run")
	wants(pgtest.New(t, pgtest.WithClipper()), "at version 10")
	target := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	wants(target, "moderation-api setup")
	var all sync.WaitGroup
	for range 4 { // instances that start at the same moment
		all.Go(func() {
			conn, err := pgx.Connect(t.Context(), target.ConnString())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
			if err := schema.Setup(t.Context(), conn); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wants(target, "")
	pgtest.Exec(t, target, "UPDATE schema_migrations SET dirty = true")
	wants(target, "migrate repair")
}
