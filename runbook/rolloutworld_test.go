package runbook

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/settings"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
)

const sessionSecret = "0123456789abcdef0123456789abcdef"

// clock goes when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a Clipper with running instances of the moderation API, a stand-in for
// Twitch, users who moderate, and an operator.
type world struct {
	t         *testing.T
	clock     *clock
	target    config.Target
	config    *config.Config
	release   *release.Release
	helix     *twitchtest.Server
	instances []string
	stop      []func() // of each instance
	people    []person
	told      *mailbox
	bans      int // made so far: each is of another user
}

// mailbox is a webhook that keeps what it is sent.
type mailbox struct {
	mu       sync.Mutex
	messages []string
}

func (m *mailbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = append(m.messages, string(text))
}

func (m *mailbox) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.messages, func(one string) bool { return strings.Contains(one, text) })
}

// newWorld is one in that environment, with so many instances and people, its flags in
// Postgres.
func newWorld(t *testing.T, environment config.Environment, instances, people int) *world {
	t.Helper()
	return newWorldWith(t, config.Rollout{Store: settings.StorePostgres}, environment, instances, people)
}

// newWorldWith is one whose flags are where the rollout's settings say.
func newWorldWith(t *testing.T, flags config.Rollout, environment config.Environment, instances, people int) *world {
	t.Helper()
	w := &world{
		t: t, clock: &clock{now: time.Now().UTC().Truncate(time.Second)}, target: pgtest.New(t, pgtest.WithModeration()),
		release: quickRelease(t), helix: twitchtest.New(twitchtest.Options{}), told: &mailbox{},
	}
	conn := pgtest.Connect(t, w.target)
	if err := schema.Setup(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Setup(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	fake := httptest.NewServer(w.helix)
	t.Cleanup(fake.Close)
	hook := httptest.NewServer(w.told)
	t.Cleanup(hook.Close)
	hookFile := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hookFile, []byte(hook.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	flags.Metrics, flags.Notify = config.Metrics{Dir: t.TempDir()}, config.Notify{Webhook: config.SecretFile(hookFile)}
	w.config = &config.Config{Environment: environment, Target: w.target, BackupDir: t.TempDir(), ReportDir: t.TempDir(), Rollout: flags}
	key := tokens.Random()
	w.addPeople(key, people)
	for range instances {
		w.addInstance(fake.URL, key)
	}
	w.config.Rollout.Instances = w.instances
	return w
}

// quickRelease is the moderation release with budgets that a test can fill in seconds:
// what a budget of 0.5% needs is shown in rollout/gate.
func quickRelease(t *testing.T) *release.Release {
	t.Helper()
	r := *release.Moderation()
	r.Rollout.Phases, r.Rollout.Gates = slices.Clone(r.Rollout.Phases), slices.Clone(r.Rollout.Gates)
	for i := range r.Rollout.Phases {
		p := &r.Rollout.Phases[i]
		p.Samples = min(p.Samples, 60)
		p.Gates = slices.DeleteFunc(slices.Clone(p.Gates), func(id string) bool { return id == "no-slower" || id == "fast-p99" })
	}
	for i := range r.Rollout.Gates {
		g := &r.Rollout.Gates[i]
		g.Budgets = slices.Clone(g.Budgets)
		for j := range g.Budgets {
			g.Budgets[j].Below = "15%"
		}
		switch g.Kind {
		case release.GateLatency: // of a machine that tests are run on
			g.Bound, g.Share = 5*time.Second, "20%"
		case release.GateAvailability:
			g.Above = "90%"
		}
	}
	return &r
}

// addInstance starts one more instance of the service.
func (w *world) addInstance(twitchURL, key string) {
	t := w.t
	t.Helper()
	server, err := moderation.New(t.Context(), settings.Settings{
		Addr: "127.0.0.1:0", ShutdownDelay: time.Millisecond, Shutdown: time.Minute,
		Database: database.Config{URL: w.target.ConnString()}, JWTSecret: sessionSecret, JWTAudience: "clipper",
		TwitchURL: twitchURL + "/helix", TwitchAuthURL: twitchURL + "/oauth2", TwitchClientID: "client", TokenKey: settings.Secret(key),
	}, w.follows(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	at, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- server.Run(ctx, func(api, _ net.Addr) { at <- api }) }()
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); <-ended }) }
	t.Cleanup(stop)
	w.stop = append(w.stop, stop)
	select {
	case a := <-at:
		w.instances = append(w.instances, "http://"+a.String())
	case err := <-ended:
		ended <- err
		t.Fatalf("an instance did not start: %v", err)
	}
}

// follows is the store that an instance follows.
func (w *world) follows() featureflag.Store {
	w.t.Helper()
	if r := w.config.Rollout; r.Store == settings.StoreFlagd {
		return flagd.Open(r.File, moderation.Flags()...)
	}
	c, err := pg.ConnConfig(w.target, pg.ConnOptions{Application: "flags"})
	if err != nil {
		w.t.Fatal(err)
	}
	return postgres.Open(c)
}

// session is what a command gets.
func (w *world) session() *Session {
	asker := yes{}
	return &Session{
		Config: w.config, Release: w.release, Sink: ops.Discard, Asker: asker,
		Operator: "alice", Host: "ops1", Version: "test", Now: w.clock.Now, NewID: func() string { return ulid.Make().String() },
	}
}

// yes confirms everything.
type yes struct{}

func (yes) Ask(context.Context, ops.Question) error { return nil }
func (yes) Answerable() error                       { return nil }

// does runs a command and wants it to end like this.
func (w *world) does(code ops.ExitCode, run *ops.Run) *ops.Run {
	w.t.Helper()
	if run.ExitCode() != code {
		var text bytes.Buffer
		_ = reports.Write(&text, reports.FormatText, run)
		w.t.Fatalf("%s: exit %d, want %d\n%s", run.Command, run.ExitCode(), code, text.String())
	}
	return run
}

// signs signs everything off that is asked for now.
func (w *world) signs() {
	w.t.Helper()
	run := w.does(ops.ExitDone, RolloutStatus(w.t.Context(), w.session(), RolloutOptions{}))
	signed := 0
	for _, r := range run.Data.(*RolloutData).Requirements {
		if r.Kind == rollout.NeedsSignOff {
			w.does(ops.ExitDone, RolloutSignOff(w.t.Context(), w.session(), SignOff{Criterion: r.ID, By: "maria"}, RolloutOptions{}))
			signed++
		}
	}
	if signed == 0 {
		w.t.Fatal("nothing is asked for")
	}
}

// flag is what the store holds.
func (w *world) flag() featureflag.Flag {
	w.t.Helper()
	store, err := w.session().store()
	if err != nil {
		w.t.Fatal(err)
	}
	flags, err := store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return flags[w.release.Rollout.Flag]
}
