package runbook

import (
	"context"
	"slices"

	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout"
)

// PhaseLine is one line of the plan.
type PhaseLine struct {
	release.Phase
	// State is "done", "skipped", "now", "next", "later" or "elsewhere"; "unknown" without a
	// database. Done is a phase that the rollout was in, for however short.
	State string `json:"state"`
}

// RolloutPlan is the phases with what is done, now and next.
func RolloutPlan(ctx context.Context, s *Session) ([]PhaseLine, error) {
	state := rollout.State{}
	if s.Config.TargetErr == nil {
		err := s.peek(ctx, "rollout plan", func(r *rollout.Record) (err error) {
			state, err = r.Load(ctx, s.Release.Rollout.Flag)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	lines := planLines(&s.Release.Rollout, string(s.Config.Environment), state)
	for i := range lines {
		if s.Config.TargetErr != nil && lines[i].State != "elsewhere" {
			lines[i].State = "unknown"
		}
	}
	return lines, nil
}

func planLines(r *release.Rollout, environment string, state rollout.State) []PhaseLine {
	own := rollout.Phases(r.In(environment))
	now := own.At(state.Phase)
	var lines []PhaseLine
	for _, p := range r.Phases {
		line := PhaseLine{Phase: p, State: "elsewhere"}
		if i := own.At(p.Name); i >= 0 {
			switch {
			case i < now && slices.Contains(state.Been, p.Name):
				line.State = "done"
			case i < now:
				line.State = "skipped"
			case i == now:
				line.State = "now"
			case i == now+1:
				line.State = "next"
			default:
				line.State = "later"
			}
		}
		lines = append(lines, line)
	}
	return lines
}
