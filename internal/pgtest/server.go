package pgtest

import (
	"context"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
)

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

// Options are what servers for tests are started with, with more settings on top.
func Options(settings map[string]string) sandbox.ServerOptions {
	all := Settings()
	maps.Copy(all, settings)
	return sandbox.ServerOptions{Settings: all, Fast: true, Ephemeral: true, PathEnv: os.Getenv("PATH")}
}

// StartServer starts a server of the test's own, for restarts, kills and
// standbys. It is stopped and removed at the end of the test.
func StartServer(t testing.TB, settings map[string]string) *sandbox.Server {
	t.Helper()
	return start(t, Options(settings))
}

// Standby starts a streaming, read-only standby of a server from StartServer
// and waits until it has caught up. It needs the server programs of this machine.
func Standby(t testing.TB, primary *sandbox.Server) *sandbox.Server {
	t.Helper()
	o := Options(nil)
	o.Standby = primary
	s := start(t, o)
	CatchUp(t, primary, s)
	return s
}

// CatchUp waits until a standby has replayed all that its primary has written.
func CatchUp(t testing.TB, primary, standby *sandbox.Server) {
	t.Helper()
	// The message brings what was committed asynchronously to disk, and is the end of it.
	Exec(t, primary.Target("postgres"), "BEGIN; SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'pgtest', 'here'); COMMIT")
	written := QueryValue[string](t, primary.Target("postgres"), "SELECT pg_current_wal_flush_lsn()::text")
	conn := Connect(t, standby.Target("postgres"))
	Eventually(t, func() bool {
		var there bool
		err := conn.QueryRow(t.Context(), "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", written).Scan(&there)
		return err == nil && there
	}, "the standby catches up")
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
		if err := s.Stop(context.Background()); err != nil {
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
