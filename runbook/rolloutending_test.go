package runbook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against a rollback that nobody is told of: the watch is ended while it waits for
// an instance that hangs.
func TestARollbackIsToldByAWatchThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	store, err := w.session().store()
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int64
	var answers atomic.Bool
	off := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			writeFailing(out, &failed)
			return
		}
		flags, err := store.Load(r.Context())
		f, ok := flags[w.release.Rollout.Flag]
		if err == nil && ok && !f.Enabled && !answers.Load() {
			select {
			case off <- struct{}{}:
			default:
			}
			<-r.Context().Done() // it hangs
			return
		}
		_ = json.NewEncoder(out).Encode(map[string]any{"instance": "one", "flags": []map[string]any{{"key": f.Key, "enabled": f.Enabled, "percentage": f.Percentage}}})
	}))
	t.Cleanup(server.Close)
	w.config.Rollout.Instances = []string{server.URL}
	box := newHearing(t, w)
	watch := w.watches(RolloutWatchOptions{})
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	watch.tick()
	ended := false
	for range 40 {
		failed.Add(20)
		w.clock.advance(DefaultTick)
		watch.release <- w.clock.Now()
		select {
		case <-off:
			ended = true
		case <-watch.waiting:
		}
		if ended {
			break
		}
	}
	if !ended {
		t.Fatal("the feature was not taken back")
	}
	if m := box.await("rolled back: 100% → off"); m["level"] != "page" || strings.Contains(fmt.Sprint(m), "confirm") {
		t.Errorf("while the instance hangs it is told %v", m)
	}
	w.does(ops.ExitDone, watch.end())
	if m := box.await("it is not known that the rollback has arrived everywhere"); m["level"] != "warning" || !strings.Contains(fmt.Sprint(m["text"]), "not waited for: how many instances follow is not known") {
		t.Errorf("at the end it is told %v", m)
	}
	reports := w.rollbackReports()
	if len(reports) != 1 || !strings.Contains(reports[0], "not waited for: how many instances follow is not known") || strings.Contains(reports[0], "0 of 0") {
		t.Errorf("reported is %q", reports)
	}
	if n := pgtest.QueryValue[int](t, w.target, "SELECT count(*)::int FROM clipperops.rollout_events WHERE event->>'kind' = 'rollback'"); n != 1 {
		t.Errorf("%d rollbacks are recorded", n)
	}
	answers.Store(true)
	w.clock.advance(DefaultTick)
	w.does(ops.ExitDone, RolloutWatch(t.Context(), w.session(), RolloutWatchOptions{Once: true}))
	if m := box.left(); strings.Contains(m, "rolled back") {
		t.Errorf("it is told again: %s", m)
	}
}
