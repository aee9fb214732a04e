package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// exposed is an instance of a service that follows the flag in a database and shows the
// counters that a test sets.
type exposed struct {
	*httptest.Server
	live             *featureflag.Live
	passed, failures atomic.Int64
	mute             atomic.Bool // it does not say how it sees the flag
}

func newExposed(t testing.TB, target config.Target) *exposed {
	t.Helper()
	if err := postgres.Setup(t.Context(), pgtest.Connect(t, target)); err != nil {
		t.Fatal(err)
	}
	c, err := pg.ConnConfig(target, pg.ConnOptions{Application: "service"})
	if err != nil {
		t.Fatal(err)
	}
	e := &exposed{live: featureflag.NewLive(postgres.Open(c).Poll(time.Second))}
	if err := e.live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { e.live.Run(ctx) })
	e.Server = httptest.NewServer(e)
	t.Cleanup(func() { cancel(); following.Wait(); e.Close() })
	return e
}

func (e *exposed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" {
		fmt.Fprintf(w, "# TYPE moderation_ban_operations_total counter\n"+
			"moderation_ban_operations_total{operation=\"ban\",status=\"success\",error_type=\"none\"} %d\n"+
			"moderation_ban_operations_total{operation=\"ban\",status=\"error\",error_type=\"TWITCH_API_ERROR\"} %d\n", e.passed.Load(), e.failures.Load())
		return
	}
	if e.mute.Load() {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	type flag struct {
		Key        string                 `json:"key"`
		Enabled    bool                   `json:"enabled"`
		Percentage featureflag.Percentage `json:"percentage"`
		Users      int                    `json:"enabled_users"`
	}
	flags := []flag{}
	for _, v := range e.live.Status().Flags {
		flags = append(flags, flag{v.Key, v.Enabled, v.Percentage, len(v.Users())})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"instance": "one", "flags": flags})
}

// rollsOut is a program on the database that knows the instance.
func rollsOut(t *testing.T, target config.Target, e *exposed) *program {
	t.Helper()
	p := newProgram(t, target)
	settings := "environments:\n  staging:\n    rollout:\n      instances: " + e.URL + "\n"
	if err := os.WriteFile(p.path("clipperops.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func isOn(t *testing.T, target config.Target) bool {
	t.Helper()
	return pgtest.QueryValue[bool](t, target, "SELECT enabled FROM clipperops.feature_flags WHERE key = 'twitch_moderation'")
}

// fail lets operations fail until the feature is off.
func (e *exposed) fail(t *testing.T, target config.Target) {
	t.Helper()
	pgtest.Eventually(t, func() bool {
		e.failures.Add(5)
		return !isOn(t, target)
	}, "the feature is taken back")
}

// TestAWatchThatIsKilledIsFollowedByAnother: of two one acts; when it is killed the other
// takes over within ten seconds, goes on with what the first counted, and takes the
// feature back; a signal ends it without a failure.
func TestAWatchThatIsKilledIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	e := newExposed(t, target)
	first, second := rollsOut(t, target, e), rollsOut(t, target, e)
	first.wants(ops.ExitDone, "rollout start --env staging", "off → 100%", "1 of 1 instances confirm")
	a := first.start(strings.Fields("rollout watch --every 1s --env staging --listen 127.0.0.1:0")...)
	a.awaitSays("leading")
	b := second.start(strings.Fields("rollout watch --every 1s --env staging")...)
	b.awaitSays("another watch leads; standing by")
	samples := func() int {
		return pgtest.QueryValue[int](t, target, "SELECT count(*)::int FROM clipperops.rollout_samples")
	}
	pgtest.Eventually(t, func() bool { e.passed.Add(10); return samples() >= 3 }, "the first one looks")
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	b.awaitSays("leading")
	if took := time.Since(killed); took > 10*time.Second {
		t.Errorf("the other took over after %s", took)
	}
	e.fail(t, target)
	b.awaitSays("rolled back: 100% → off")
	b.signal(syscall.SIGTERM)
	b.wants(ops.ExitDone, "rolled back: 100% → off", "rollout resume")
	first.wants(ops.ExitRefused, "rollout start --env staging", "rolled back by itself")
	first.wants(ops.ExitDone, "rollout history --env staging", "rollback", "rollout watch@")
}

// TestAWatchOutlivesItsDatabase: it says that it cannot judge, and does so again when the
// database is back.
func TestAWatchOutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	target := server.Target("postgres")
	e := newExposed(t, target)
	p := rollsOut(t, target, e)
	p.wants(ops.ExitDone, "rollout start --env staging", "off → 100%")
	w := p.start(strings.Fields("rollout watch --every 1s --env staging")...)
	w.awaitSays("leading")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitSays("the watch cannot reach the database")
	w.awaitSays("the watch reaches the database again")
	e.fail(t, target)
	w.awaitSays("rolled back: 100% → off")
	w.signal(syscall.SIGINT)
	w.wants(ops.ExitDone, "rolled back")
}

// TestADatabaseThatIsRestartedInTheMiddleOfASet: the change stands, every instance is
// waited for, and what was done is on record; so it is when the command is killed there.
func TestADatabaseThatIsRestartedInTheMiddleOfASet(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	target := server.Target("postgres")
	e := newExposed(t, target)
	p := rollsOut(t, target, e)
	recorded := func(kind string) func() bool {
		return func() bool {
			var n int
			conn, err := pg.Connect(t.Context(), target, pg.ConnOptions{Application: "test"})
			if err != nil {
				return false // it is being restarted
			}
			defer conn.Close(t.Context()) //nolint:errcheck // it was only read from
			err = conn.QueryRow(t.Context(), "SELECT count(*) FROM clipperops.rollout_events WHERE event->>'kind' = $1", kind).Scan(&n)
			return err == nil && n == 1
		}
	}
	e.mute.Store(true)
	set := p.start(strings.Fields("rollout start --env staging --propagation-timeout 2m")...)
	pgtest.Eventually(t, recorded("start"), "the change is made")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.mute.Store(false)
	set.wants(ops.ExitDone, "1 of 1 instances confirm")
	p.wants(ops.ExitDone, "rollout status --env staging", "100%, in the phase staging validation", "one .*: 100%")

	e.mute.Store(true)
	off := p.start(strings.Fields("rollout off --env staging --propagation-timeout 2m")...)
	pgtest.Eventually(t, recorded("off"), "it is off")
	if err := off.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	e.mute.Store(false)
	p.wants(ops.ExitDone, "rollout off --env staging", "already", "nothing was changed")
	p.wants(ops.ExitDone, "rollout history --env staging", "off")
}
