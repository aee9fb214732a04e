package runbook

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout/gate"
)

// Guards against a forced change that is made and ends as if a gate had kept it from being
// made.
func TestAForcedChangeThatIsMadeIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Production, 0, 0)
	var failed atomic.Int64
	server := failing(t, &failed)
	w.config.Rollout.Metrics.Targets = []string{server.URL}
	forced := RolloutOptions{Force: true, Reason: "a rehearsal"}
	run := w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), forced))
	w.clock.advance(time.Minute)
	w.does(ops.ExitInconclusive, RolloutGate(t.Context(), w.session(), RolloutOptions{}))
	if run.Outcome() != ops.OutcomeWarn {
		t.Errorf("a forced start ended with %s", run.Outcome())
	}
	failed.Store(500)
	w.clock.advance(time.Minute)
	w.does(ops.ExitChecks, RolloutGate(t.Context(), w.session(), RolloutOptions{}))

	run = w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 10_00, forced))
	if f := w.flag(); !f.Enabled || f.Percentage != 10_00 {
		t.Fatalf("the flag is %s", f)
	}
	data := run.Data.(*RolloutData)
	if data.Verdict != gate.Fail || !data.Change.Forced || run.Outcome() != ops.OutcomeWarn {
		t.Errorf("the verdict is %s, the outcome %s, the change %+v", data.Verdict, run.Outcome(), data.Change)
	}
	var text bytes.Buffer
	if err := reports.Write(&text, reports.FormatText, run); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"⚠ fewer than 1% of bans and unbans fail: ", "⚠ forced by alice although 5 requirements are not met: a rehearsal"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not said:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "✗") {
		t.Errorf("what was made looks failed:\n%s", text.String())
	}
	events, err := RolloutHistory(t.Context(), w.session(), 1)
	if err != nil || len(events) != 1 || !events[0].Forced || events[0].Reason != "a rehearsal" {
		t.Errorf("recorded is %+v, %v", events, err)
	}
}
