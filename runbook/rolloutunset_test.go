package runbook

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout"
)

// Of a write whose answer was lost, and that cannot be looked up, nobody is told that it was
// not made.
func TestAnUnknownOutcomeIsNotCalledNone(t *testing.T) {
	t.Parallel()
	half := rollout.Exposure{Enabled: true, Percentage: 5000}
	e := &exposing{
		flow: &flow{Session: &Session{Config: &config.Config{Environment: config.Production}, Release: &release.Release{}}},
		view: rollout.View{State: rollout.State{Exposure: half}},
	}
	e.Config.Rollout.Store = "postgres"
	d := rollout.Done{Change: rollout.Change{Kind: rollout.KindOff, From: half}}
	lost := errors.New("the connection was lost")
	for err, want := range map[error]string{
		lost: "was not written",
		fmt.Errorf("%w; %w", lost, rollout.ErrOutcomeUnknown): "whether the flag was written is not known",
	} {
		f := ops.AsFailure(e.unset(d, err))
		if state := strings.Join(f.State, "\n"); !strings.Contains(state, want) || want != "was not written" && strings.Contains(state, "stays") {
			t.Errorf("%v: the state is %q", err, state)
		}
		if next := strings.Join(f.Next, "\n"); !strings.Contains(next, "rollout status") || !strings.Contains(next, "UPDATE clipperops.feature_flags") {
			t.Errorf("%v: next is %q", err, next)
		}
	}
}
