package runbook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// hearing is a webhook whose messages can be awaited, and that may refuse them.
type hearing struct {
	t        *testing.T
	messages chan map[string]any
	refuses  atomic.Bool
}

// newHearing takes the place of the world's webhook.
func newHearing(t *testing.T, w *world) *hearing {
	t.Helper()
	h := &hearing{t: t, messages: make(chan map[string]any, 1000)}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || h.refuses.Load() {
			http.Error(out, "not this", http.StatusBadRequest)
			return
		}
		h.messages <- m
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(file, []byte(server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	w.config.Rollout.Notify.Webhook = config.SecretFile(file)
	return h
}

// await is the next message with that title; those before it are let go.
func (h *hearing) await(title string) map[string]any {
	h.t.Helper()
	patience := time.After(time.Minute)
	for {
		select {
		case m := <-h.messages:
			if strings.Contains(fmt.Sprint(m["title"]), title) {
				return m
			}
		case <-patience:
			h.t.Fatalf("nobody is told %q", title)
		}
	}
}

// left are the messages that came and were not awaited.
func (h *hearing) left() string {
	var all []string
	for {
		select {
		case m := <-h.messages:
			all = append(all, fmt.Sprint(m))
		default:
			return strings.Join(all, "\n")
		}
	}
}

// rollbackReports are the texts of the reports of rollbacks by the watch.
func (w *world) rollbackReports() []string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.config.ReportDir, "rollout-rollback-*.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	all := make([]string, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // our own
		if err != nil {
			w.t.Fatal(err)
		}
		all[i] = string(text)
	}
	return all
}

// Guards against a rollback that nobody hears of because its watch ended before it was
// heard: cron's next run tells and reports it, once.
func TestARollbackThatNobodyHeardOfIsToldByTheNextRunOfCron(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	var failed atomic.Int64
	server := failing(t, &failed)
	w.config.Rollout.Instances = []string{server.URL}
	box := newHearing(t, w)
	w.does(ops.ExitFailed, RolloutStart(t.Context(), w.session(), RolloutOptions{Propagation: time.Millisecond}))
	once := func() *ops.Run {
		w.clock.advance(4 * DefaultTick)
		return w.does(ops.ExitDone, RolloutWatch(t.Context(), w.session(), RolloutWatchOptions{Once: true, Propagation: time.Millisecond}))
	}
	box.refuses.Store(true)
	for range 12 {
		failed.Add(80)
		once()
		if !w.flag().Enabled {
			break
		}
	}
	if w.flag().Enabled {
		t.Fatal("the feature was not taken back")
	}
	once() // it refuses yet
	if n := len(w.rollbackReports()); n == 0 {
		t.Error("there is no report")
	}
	box.refuses.Store(false)
	run := once()
	m := box.await("rolled back: 100% → off")
	if text := fmt.Sprint(m); m["level"] != "page" || !strings.Contains(text, "that did not come to tell it") || !strings.Contains(text, "rollout-rollback-staging-") || !strings.Contains(text, "rollout resume") {
		t.Errorf("told is %s", text)
	}
	if text := strings.Join(run.Conclusion, "\n"); !strings.Contains(text, "rolled back: 100% → off") {
		t.Errorf("concluded is %q", text)
	}
	box.left()
	once()
	if text := box.left(); strings.Contains(text, "rolled back") {
		t.Errorf("it is told again: %s", text)
	}
}
