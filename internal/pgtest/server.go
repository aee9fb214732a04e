package pgtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
)

// URLVariable names the environment variable with the shared server's URL.
const URLVariable = "CLIPPEROPS_TEST_DATABASE_URL"

// startTimeout bounds starting a server.
const startTimeout = 2 * time.Minute

// Settings are the parameters servers for tests run with: small, without
// autovacuum (its locks would come and go under the tests), good for standbys.
func Settings() map[string]string {
	return map[string]string{
		"max_connections":                 "200",
		"shared_buffers":                  "64MB",
		"wal_level":                       "replica",
		"max_wal_senders":                 "10",
		"autovacuum":                      "off",
		"max_prepared_transactions":       "10",
		"jit":                             "off",
		"max_logical_replication_workers": "0",
	}
}

// shared answers once per process.
var shared = sync.OnceValues(func() (config.Target, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if url := os.Getenv(URLVariable); url != "" {
		t, err := config.ParseTarget(url)
		if err != nil {
			return t, fmt.Errorf("%s: %w", URLVariable, err)
		}
		return t, nil
	}
	s, err := sandbox.StartServer(ctx, Options(nil))
	if err != nil {
		return config.Target{}, err
	}
	return s.Target("postgres"), nil
})

// Options are what servers for tests are started with, with more settings on top.
func Options(settings map[string]string) sandbox.ServerOptions {
	all := Settings()
	maps.Copy(all, settings)
	return sandbox.ServerOptions{Settings: all, Fast: true, Ephemeral: true, PathEnv: os.Getenv("PATH")}
}

// Shared returns the shared server's own database, as its superuser. Tests make
// theirs with New.
func Shared(t testing.TB) config.Target {
	t.Helper()
	target, err := shared()
	if err != nil {
		fatal(t, "no PostgreSQL for this test", err)
	}
	return target
}

// StartServer starts a server of the test's own, for restarts, kills and
// standbys. It is stopped and removed at the end of the test.
func StartServer(t testing.TB, settings map[string]string) *sandbox.Server {
	t.Helper()
	return start(t, Options(settings))
}

func start(t testing.TB, o sandbox.ServerOptions) *sandbox.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := sandbox.StartServer(ctx, o)
	if err != nil {
		fatal(t, "no PostgreSQL server for this test", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("stopping the test's server: %v", err)
		}
	})
	return s
}

// fatal ends the test with everything a failure says.
func fatal(t testing.TB, what string, err error) {
	t.Helper()
	f := ops.AsFailure(err)
	text := what + ": " + f.What
	for _, lines := range [][]string{f.Detail, f.State, f.Next} {
		for _, l := range lines {
			text += "\n    " + l
		}
	}
	t.Fatal(text)
}
