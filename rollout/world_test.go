package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/rollout/instances"
)

const flagKey = "twitch_moderation"

// hand is a clock that goes when a test says so.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// world is a database with a record, and a flag that is kept there or in a file.
type world struct {
	t      *testing.T
	target config.Target
	clock  *hand
	store  featureflag.Writer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, target: pgtest.New(t, pgtest.Empty()), clock: &hand{now: noon}}
	if err := postgres.Setup(t.Context(), pgtest.Connect(t, w.target)); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.ParseConfig(w.target.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	w.store = postgres.Open(c)
	return w
}

// newFileWorld is one whose flag does not need the database.
func newFileWorld(t *testing.T) (*world, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	return &world{t: t, target: pgtest.New(t, pgtest.Empty()), clock: &hand{now: noon}, store: envfile.Open(path, flagKey)}, path
}

// operator is a controller with a connection of its own.
func (w *world) operator(name string) *Controller {
	w.t.Helper()
	record, err := OpenRecord(w.t.Context(), pgtest.Connect(w.t, w.target))
	if err != nil {
		w.t.Fatal(err)
	}
	return &Controller{Flag: flagKey, Store: w.store, Record: record, Now: w.clock.Now, By: name, Host: "ops1", Run: "run of " + name, Timeout: time.Second}
}

func (w *world) look(c *Controller) View {
	w.t.Helper()
	v, err := c.Look(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// sets makes a change that has to succeed.
func (w *world) sets(c *Controller, to Exposure, phase string) Done {
	w.t.Helper()
	d, err := c.Do(w.t.Context(), w.look(c), Change{Kind: KindSet, To: to, Phase: phase}, nil)
	if err != nil || d.Recorded != nil {
		w.t.Fatalf("setting %s: %v, recorded: %v", to, err, d.Recorded)
	}
	return d
}

func (w *world) history(c *Controller) []Event {
	w.t.Helper()
	events, err := c.Record.History(w.t.Context(), flagKey, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

func percent(n int) Exposure {
	return Exposure{Enabled: true, Percentage: featureflag.Percentage(n * 100)}
}

var errLost = errors.New("the connection was lost")

// faulty does what it is told around the writes of a store.
type faulty struct {
	featureflag.Writer
	before, after func() error
	load          func() error
}

func (f *faulty) Write(ctx context.Context, c featureflag.Change) (featureflag.Flag, error) {
	if f.before != nil {
		if err := f.before(); err != nil {
			return featureflag.Flag{}, err
		}
	}
	written, err := f.Writer.Write(ctx, c)
	if err == nil && f.after != nil {
		if err := f.after(); err != nil {
			return featureflag.Flag{}, err
		}
	}
	return written, err
}

func (f *faulty) Load(ctx context.Context) (featureflag.State, error) {
	if f.load != nil {
		if err := f.load(); err != nil {
			return nil, err
		}
	}
	return f.Writer.Load(ctx)
}

// killed runs what is killed on its way.
func killed(t *testing.T, run func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Fatal("it was not killed")
		}
	}()
	run()
}

// instance is one that shows the store's flag.
func (w *world) instance() instances.Client {
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		flags, err := w.store.Load(r.Context())
		if err != nil {
			http.Error(out, err.Error(), http.StatusServiceUnavailable)
			return
		}
		f := flags[flagKey]
		writeFlag(out, f)
	}))
	w.t.Cleanup(server.Close)
	return instances.Client{Places: instances.Places{URLs: []string{server.URL}}}
}

func writeFlag(out http.ResponseWriter, f featureflag.Flag) {
	_ = json.NewEncoder(out).Encode(map[string]any{"instance": "api", "flags": []map[string]any{{
		"key": f.Key, "enabled": f.Enabled, "percentage": f.Percentage, "enabled_users": len(f.Users()), "version": f.Version,
	}}})
}

func kinds(events []Event) []Kind {
	var all []Kind
	for _, e := range slices.Backward(events) {
		all = append(all, e.Kind)
	}
	return all
}
