package runbook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/settings"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/reports"
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

// person is a broadcaster.
type person struct {
	id       uuid.UUID
	twitchID string
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

// newWorld is one in that environment, with so many instances and people.
func newWorld(t *testing.T, environment config.Environment, instances, people int) *world {
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
	key := tokens.Random()
	w.addPeople(key, people)
	for range instances {
		w.addInstance(fake.URL, key)
	}
	w.config = &config.Config{
		Environment: environment, Target: w.target, BackupDir: t.TempDir(), ReportDir: t.TempDir(),
		Rollout: config.Rollout{
			Store: "postgres", Instances: w.instances,
			Metrics: config.Metrics{Dir: t.TempDir()},
			Notify:  config.Notify{Webhook: config.Secret(hook.URL)},
		},
	}
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

func (w *world) addPeople(key string, n int) {
	t := w.t
	t.Helper()
	keys, err := tokens.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := database.Open(t.Context(), database.Config{URL: w.target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	store := tokens.NewStore(pool, keys)
	conn := pgtest.Connect(t, w.target)
	for i := range n {
		p := person{twitchID: fmt.Sprint(900_000 + i)}
		if err := conn.QueryRow(t.Context(), `INSERT INTO users (twitch_id, username, role) VALUES ($1, $1, 'user') RETURNING id`, p.twitchID).Scan(&p.id); err != nil {
			t.Fatal(err)
		}
		access := "token-" + p.twitchID
		w.helix.AddToken(twitchtest.Token{Access: access, UserID: p.twitchID, Scopes: []string{twitch.ScopeManageBans}})
		err := store.Put(t.Context(), tokens.Session{
			UserID: p.id, TwitchUserID: p.twitchID, Access: twitch.NewToken(access), Scopes: []string{twitch.ScopeManageBans}, ExpiresAt: time.Now().Add(4 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		w.people = append(w.people, p)
	}
}

// addInstance starts one more instance of the service.
func (w *world) addInstance(twitchURL, key string) {
	t := w.t
	t.Helper()
	c, err := pg.ConnConfig(w.target, pg.ConnOptions{Application: "flags"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := moderation.New(t.Context(), settings.Settings{
		Addr: "127.0.0.1:0", ShutdownDelay: time.Millisecond, Shutdown: time.Minute,
		Database: database.Config{URL: w.target.ConnString()}, JWTSecret: sessionSecret, JWTAudience: "clipper",
		TwitchURL: twitchURL + "/helix", TwitchAuthURL: twitchURL + "/oauth2", TwitchClientID: "client", TokenKey: settings.Secret(key),
	}, postgres.Open(c), slog.New(slog.DiscardHandler))
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

// signs signs everything off that the phases could ask for.
func (w *world) signs() {
	w.t.Helper()
	for _, c := range w.release.Rollout.SignOffs {
		w.does(ops.ExitDone, RolloutSignOff(w.t.Context(), w.session(), SignOff{Criterion: c.ID, By: "maria"}, RolloutOptions{}))
	}
}

// traffic has everybody ban somebody, so many times each, at whichever instance, and
// counts the answers by their code, "" for success.
func (w *world) traffic(times int) map[string]int {
	w.t.Helper()
	pgtest.Exec(w.t, w.target, "DELETE FROM moderation_api.ban_operations") // an hour has passed
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	limit := make(chan struct{}, 6)
	for range times {
		for i, p := range w.people {
			w.bans++
			user, at := fmt.Sprint(10_000_000+w.bans), w.instances[(i+w.bans)%len(w.instances)]
			limit <- struct{}{}
			all.Go(func() {
				defer func() { <-limit }()
				code := w.ban(p, at, user)
				mu.Lock()
				defer mu.Unlock()
				answers[code]++
			})
		}
	}
	all.Wait()
	return answers
}

func (w *world) ban(p person, at, user string) (code string) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": p.id.String(), "aud": "clipper", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(sessionSecret))
	if err != nil {
		return err.Error()
	}
	body := fmt.Sprintf(`{"broadcasterID":%q,"userID":%q,"reason":"spam"}`, p.twitchID, user)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, at+"/api/v1/moderation/twitch/ban", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Code string }
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode == http.StatusOK {
		return ""
	}
	_ = json.Unmarshal(text, &answer)
	return answer.Code
}

// flag is what the database holds.
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

// watch is a watch that goes on tick by tick.
type watch struct {
	w       *world
	cancel  context.CancelFunc
	waiting chan struct{}
	release chan time.Time
	ended   chan *ops.Run
}

// watches begins one, and returns when its first tick is over.
func (w *world) watches(o RolloutWatchOptions) *watch {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	one := &watch{w: w, cancel: cancel, waiting: make(chan struct{}), release: make(chan time.Time), ended: make(chan *ops.Run, 1)}
	o.Wait = func(time.Duration) <-chan time.Time {
		select {
		case one.waiting <- struct{}{}:
		case <-ctx.Done():
		}
		return one.release
	}
	s := w.session()
	go func() { one.ended <- RolloutWatch(ctx, s, o) }()
	w.t.Cleanup(func() { one.end() })
	one.wait()
	return one
}

// wait waits until a tick is over.
func (o *watch) wait() {
	o.w.t.Helper()
	select {
	case <-o.waiting:
	case run := <-o.ended:
		o.ended <- run
		var text bytes.Buffer
		_ = reports.Write(&text, reports.FormatText, run)
		o.w.t.Fatalf("the watch has ended:\n%s", text.String())
	case <-time.After(2 * time.Minute):
		o.w.t.Fatal("the watch hangs")
	}
}

// tick lets the time of one tick pass, and the watch look.
func (o *watch) tick() {
	o.w.t.Helper()
	o.w.clock.advance(DefaultTick)
	o.release <- o.w.clock.Now()
	o.wait()
}

// end ends the watch as a signal does.
func (o *watch) end() *ops.Run {
	o.cancel()
	run := <-o.ended
	o.ended <- run
	return run
}
