package runbook

import (
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against a name that is taken back while somebody else has raised the flag, by
// which 90% becomes the rollout's own: the drift is still told, and there is something to
// adopt.
func TestANameTakenBackOverADriftLeavesItToBeAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), []string{"a", "b"}, nil, RolloutOptions{}))
	w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 1000, RolloutOptions{Force: true, Reason: "for the demonstration"}))
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET percentage = 90")
	w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), nil, []string{"b"}, RolloutOptions{}))
	if users := w.flag().Users(); !slices.Equal(users, []string{"a"}) {
		t.Errorf("named are %q", users)
	}
	run := w.does(ops.ExitRefused, RolloutSet(t.Context(), w.session(), 9500, RolloutOptions{}))
	if f := ops.AsFailure(run.Err); !strings.Contains(f.What, "behind the rollout's back") || !strings.Contains(strings.Join(f.Detail, "\n"), "at 90% and 1 user, and was left at 10% and 1 user") {
		t.Errorf("%+v", f)
	}
	run = w.does(ops.ExitDone, RolloutAdopt(t.Context(), w.session(), RolloutOptions{Reason: "it is wanted"}))
	if c := run.Data.(*RolloutData).Change; c == nil || c.From.Percentage != 1000 || c.To.Percentage != 9000 {
		t.Errorf("adopted is %+v", c)
	}
}
