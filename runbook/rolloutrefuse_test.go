package runbook

import (
	"bytes"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
)

// Guards against a name that is added while somebody else has changed the flag, and by
// which that becomes the rollout's own without anybody having said so.
func TestNobodyIsNamedOverADrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), []string{"a", "b"}, nil, RolloutOptions{}))
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET enabled = true, percentage = 50")
	run := w.does(ops.ExitRefused, RolloutUsers(t.Context(), w.session(), []string{"c"}, nil, RolloutOptions{}))
	if f := ops.AsFailure(run.Err); !strings.Contains(f.What, "behind the rollout's back") || !strings.Contains(strings.Join(f.Next, "\n"), "rollout adopt") {
		t.Errorf("%+v", f)
	}
	if users := w.flag().Users(); len(users) != 2 {
		t.Errorf("named are %q", users)
	}
	w.does(ops.ExitUsage, RolloutUsers(t.Context(), w.session(), []string{"c"}, nil, RolloutOptions{Force: true}))
	w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), nil, []string{"b"}, RolloutOptions{})) // less is always possible

	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET percentage = 60")
	run = w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), []string{"c"}, nil, RolloutOptions{Force: true, Reason: "the tester of today"}))
	if c := run.Data.(*RolloutData).Change; c == nil || !c.Forced || c.Kind != rollout.KindUsers {
		t.Errorf("recorded is %+v", c)
	}
}

// Guards against a refusal that lists what is missing twice: as results, and again as
// the reason.
func TestARefusalSaysOnceWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Production, 0, 0)
	run := w.does(ops.ExitRefused, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	var text bytes.Buffer
	if err := reports.Write(&text, reports.FormatText, run); err != nil {
		t.Fatal(err)
	}
	for _, missing := range []string{"are named for internal beta", "rollout users add ID…", "rollout signoff staging-validated"} {
		if n := strings.Count(text.String(), missing); n != 1 {
			t.Errorf("%q is said %d times:\n%s", missing, n, text.String())
		}
	}
	if !strings.Contains(text.String(), "2 requirements are not met") {
		t.Errorf("how many are missing is not said:\n%s", text.String())
	}
}
