package runbook

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against a way back that is refused with itself as the way on: what is printed as
// the way back is typed, and has to be made.
func TestTheWayBackFromADriftIsOneThatIsOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, back string }{
		"turned off":           {"enabled = false", ""},
		"lowered":              {"percentage = 5", ""},
		"raised":               {"percentage = 20", "rollout set 10"},
		"raised, others named": {"percentage = 20, enabled_users = '{b}'", "rollout set 10"},
		"others named":         {"enabled_users = '{b}'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, config.Production, 0, 0)
			w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 10_00, RolloutOptions{Force: true, Reason: "a rehearsal"}))
			pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET "+c.sql)
			shown := w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{}))
			said := ""
			for _, r := range shown.Results() {
				if r.ID == "rollout.drift" {
					said = r.Fix
				}
			}
			if !strings.Contains(said, "rollout adopt") || strings.Contains(said, "or back") != (c.back != "") || !strings.Contains(said, c.back) {
				t.Errorf("to be done is %q", said)
			}
			refused := w.does(ops.ExitRefused, RolloutSet(t.Context(), w.session(), 30_00, RolloutOptions{}))
			if next := strings.Join(ops.AsFailure(refused.Err).Next, "\n"); next != said {
				t.Errorf("the refusal says %q, the status %q", next, said)
			}
			if c.back != "" {
				w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 10_00, RolloutOptions{}))
			}
		})
	}
	w := newWorld(t, config.Staging, 0, 0)
	w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{}))
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET enabled = true, percentage = 5")
	refused := w.does(ops.ExitRefused, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	if next := strings.Join(ops.AsFailure(refused.Err).Next, "\n"); !strings.Contains(next, "rollout adopt") {
		t.Errorf("to be done is %q", next)
	}
	shown := w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{}))
	if r := shown.Results()[0]; !strings.Contains(r.Fix, "or back: clipperops rollout off") {
		t.Errorf("to be done is %q", r.Fix)
	}
}
