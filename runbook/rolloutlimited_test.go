package runbook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

// limited is a service that some users ask for more than they may, and another that fails.
type limited struct{ passed, limited, failed atomic.Int64 }

func (l *limited) ServeHTTP(out http.ResponseWriter, _ *http.Request) {
	for _, one := range []struct {
		status, code string
		n            *atomic.Int64
	}{{"success", "none", &l.passed}, {"error", "RATE_LIMIT_EXCEEDED", &l.limited}, {"error", "TWITCH_API_ERROR", &l.failed}} {
		fmt.Fprintf(out, "moderation_ban_operations_total{operation=\"ban\",status=%q,error_type=%q} %d\n", one.status, one.code, one.n.Load()) //nolint:errcheck // whoever asked has gone
	}
}

// Guards against three users who go on beyond their own ten an hour, and by that take the
// feature from everybody: they are told of, to be looked into, and no gate lets it move on.
// What fails beside them takes it back all the same.
func TestUsersBeyondTheirLimitTakeTheFeatureFromNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	l := &limited{}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	w.config.Rollout.Metrics.Targets = []string{server.URL}
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	watch := w.watches(RolloutWatchOptions{})
	for range 70 {
		l.passed.Add(3)
		l.limited.Add(4)
		watch.tick()
	}
	if !w.flag().Enabled {
		t.Fatal("it was taken back")
	}
	const limits, errors = "more than 20% of operations exceed the rate limit", "more than 5% errors for 5 minutes"
	if !w.told.has(limits) {
		t.Error("nobody was told")
	}

	// While the watch has it on, a status says so; not when nobody has looked for long.
	status := func() (string, []string) {
		t.Helper()
		run := w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{}))
		var text, document bytes.Buffer
		for format, to := range map[reports.Format]*bytes.Buffer{reports.FormatText: &text, reports.FormatJSON: &document} {
			if err := reports.Write(to, format, run); err != nil {
				t.Fatal(err)
			}
		}
		var data struct {
			Data struct {
				Alerts []struct {
					ID          string
					Since, Seen time.Time
				}
			}
		}
		if err := json.Unmarshal(document.Bytes(), &data); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, a := range data.Data.Alerts {
			ids = append(ids, a.ID)
			if now := w.clock.Now(); a.Since.After(a.Seen) || now.Sub(a.Seen) > 6*time.Minute || now.Sub(a.Since) > 15*time.Minute {
				t.Errorf("%+v at %s", a, now)
			}
		}
		return strings.Join(strings.Fields(text.String()), " "), ids
	}
	on := []string{"error-rate", "rate-limited"}
	said, ids := status()
	for _, want := range []string{"⚠ rate-limited: " + limits + ", since ", "⚠ error-rate: " + errors + ", since ", "as the watch saw it at "} {
		if !strings.Contains(said, want) {
			t.Errorf("the status does not say %q:\n%s", want, said)
		}
	}
	if !slices.Equal(ids, on) {
		t.Errorf("on are %q, want %q", ids, on)
	}
	w.clock.advance(10 * time.Minute)
	if said, ids := status(); len(ids) > 0 || strings.Contains(said, limits) {
		t.Errorf("ten minutes later: %q, %s", ids, said)
	}
	watch.tick()
	watch.tick()

	ticks := 0
	for ; w.flag().Enabled && ticks < 20; ticks++ {
		l.passed.Add(3)
		l.limited.Add(40) // hides nothing
		l.failed.Add(4)
		watch.tick()
	}
	if w.flag().Enabled || ticks > 8 {
		t.Errorf("after %d ticks of failures: %s", ticks, w.flag())
	}
	if said, ids := status(); len(ids) > 0 || strings.Contains(said, limits) {
		t.Errorf("what the stay's alerts were about is over: %q, %s", ids, said)
	}
}
