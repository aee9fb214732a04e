package runbook

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Guards against a watch that is restarted in the middle of taking the feature back: it
// waits for an instance that hangs as long as that may take to follow.
func TestAWatchThatWaitsForInstancesIsHealthy(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now()}
	w := &watching{
		flow: &flow{Session: &Session{Now: c.Now}}, show: newWatchMetrics("feature"),
		o: RolloutWatchOptions{Every: DefaultTick, Propagation: 2 * time.Minute},
	}
	w.show.living(c.Now())
	answers := func() int {
		out := httptest.NewRecorder()
		w.healthz(out, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
		return out.Code
	}
	c.advance(2*time.Minute + 3*DefaultTick)
	if code := answers(); code != http.StatusOK {
		t.Errorf("while it may be waiting it answers %d", code)
	}
	c.advance(time.Second)
	if code := answers(); code != http.StatusServiceUnavailable {
		t.Errorf("when it hangs it answers %d", code)
	}
}
