package runbook

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
)

// Guards against a look of cron's that passes with nothing in it while nothing can be
// asked: every run says what keeps it from knowing and which alerts are on, not only the
// one in which they begin.
func TestALookSaysWhatItFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	var passed atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(out, "moderation_ban_operations_total{operation=\"ban\",status=\"success\",error_type=\"none\"} %d\n", passed.Add(7)) //nolint:errcheck // whoever asked has gone
	}))
	t.Cleanup(server.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	answers, away := w.config.Rollout.Metrics, w.config.Rollout.Metrics
	answers.Targets, away.URL = []string{server.URL}, gone.URL
	w.config.Rollout.Metrics = answers
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	look := func(outcome ops.Outcome, wants ...string) {
		t.Helper()
		w.clock.advance(4 * DefaultTick)
		run := w.does(ops.ExitDone, RolloutWatch(t.Context(), w.session(), RolloutWatchOptions{Once: true}))
		var text bytes.Buffer
		if err := reports.Write(&text, reports.FormatText, run); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(strings.Fields(text.String()), " ")
		for _, want := range wants {
			if n := strings.Count(said, want); n != 1 {
				t.Errorf("%q is said %d times:\n%s", want, n, text.String())
			}
		}
		if run.Outcome() != outcome || strings.Contains(said, "✓ done") {
			t.Errorf("it ended with %s, want %s:\n%s", run.Outcome(), outcome, text.String())
		}
	}
	const drifted = "⚠ somebody has changed the flag behind the rollout's back"
	look(ops.OutcomeWarn, "✓ twitch_moderation is at 100%", "⚠ metrics: no data") // one scrape counts nothing yet
	look(ops.OutcomePass, "✓ twitch_moderation is at 100%; 0 of 7 failed since ")
	w.config.Rollout.Metrics = away
	look(ops.OutcomeWarn, "⚠ metrics: ")
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET percentage = 70")
	look(ops.OutcomeWarn, "⚠ metrics: ", drifted)
	look(ops.OutcomeWarn, "⚠ metrics: ", drifted)
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET percentage = 100")
	w.config.Rollout.Metrics = answers
	look(ops.OutcomePass, "over: somebody has changed the flag", "over: metrics cannot be asked")
}
