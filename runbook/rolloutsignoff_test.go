package runbook

import (
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// Guards against a sign-off that is confirmed and counts for nothing: it is taken where it
// is asked for, and nowhere else.
func TestASignOffIsTakenWhereItCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Production, 0, 0)
	forced := RolloutOptions{Force: true, Reason: "a rehearsal"}
	signs := func(code ops.ExitCode, criterion string, wants ...string) {
		t.Helper()
		run := w.does(code, RolloutSignOff(t.Context(), w.session(), SignOff{Criterion: criterion, By: "maria"}, RolloutOptions{}))
		if run.Err == nil {
			return
		}
		f := ops.AsFailure(run.Err)
		said := strings.Join(append(append([]string{f.What}, f.Detail...), f.Next...), "\n")
		for _, want := range wants {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q:\n%s", criterion, want, said)
			}
		}
	}
	signs(ops.ExitRefused, "no-critical-bugs", "before the first phase", "in internal beta (production), once", "rollout plan --env production")
	signs(ops.ExitRefused, "e2e-tests", "it is asked for in staging validation (staging)")
	signs(ops.ExitDone, "staging-validated")
	events, err := RolloutHistory(t.Context(), w.session(), 10)
	if err != nil || len(events) != 1 {
		t.Errorf("recorded is %+v, %v", events, err)
	}
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), forced))
	signs(ops.ExitRefused, "staging-validated", "in the phase internal beta", "to enter internal beta (production)")
	signs(ops.ExitRefused, "rate-limits-hold", "it is asked for in 10% (production)")
	w.clock.advance(time.Minute)
	signs(ops.ExitDone, "positive-feedback")
	w.does(ops.ExitDone, RolloutAdvance(t.Context(), w.session(), forced))
	w.clock.advance(time.Minute)
	signs(ops.ExitDone, "rate-limits-hold")
	w.does(ops.ExitDone, RolloutPause(t.Context(), w.session(), RolloutOptions{}))
	signs(ops.ExitDone, "no-critical-bugs") // a pause begins nothing anew
}
