package runbook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout"
)

// sparkFor is how far back the sparkline of a status reaches, sparkCells how wide it is.
const (
	sparkFor   = time.Hour
	sparkCells = 30
)

// RolloutStatus shows where the rollout stands: phase, instances, and every requirement
// of moving on with its evidence. It changes nothing, and its gates fail nothing.
func RolloutStatus(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout status", o, true, func(ctx context.Context, e *exposing) error {
		err := e.step(ctx, "instances", func(ctx context.Context, step *ops.Step) error { return e.showInstances(ctx, step) })
		if err != nil {
			return err
		}
		return e.step(ctx, "phase", func(ctx context.Context, step *ops.Step) error {
			if e.controller.Record == nil {
				e.run.Conclusion = append(e.run.Conclusion, fmt.Sprintf("%s is %s; its phase cannot be read.", e.controller.Flag, stands(e.view.Actual())))
				return nil
			}
			if line := e.spark(ctx); line != "" {
				step.Record(finding("rollout.recent", ops.Pass(line)))
			}
			rs, err := e.requirements(ctx, step)
			if err != nil {
				return err
			}
			for i, r := range step.Results { // a status tells; it judges nothing
				if r.Status == ops.StatusFail {
					step.Results[i].Status = ops.StatusWarn
				}
			}
			e.run.Conclusion = append(e.run.Conclusion, e.where(rs))
			return nil
		})
	})
}

// where is the last line of a status.
func (e *exposing) where(rs []rollout.Requirement) string {
	next, ok := e.phases.Next(e.view.State.Phase)
	switch {
	case !ok:
		return fmt.Sprintf("%s is %s: the last phase; it is still watched.", e.controller.Flag, stands(e.view.Actual()))
	case rollout.Met(rs):
		return fmt.Sprintf("%s is %s; everything is there for %s.", e.controller.Flag, stands(e.view.Actual()), next.Name)
	}
	var missing []string
	for _, r := range unmet(rs) {
		missing = append(missing, r.ID)
	}
	return fmt.Sprintf("%s is %s; missing for %s: %s.", e.controller.Flag, stands(e.view.Actual()), next.Name, strings.Join(missing, ", "))
}

// spark draws the last hour's error shares, as the watch counted them.
func (e *exposing) spark(ctx context.Context) string {
	now := e.Now().UTC()
	samples, err := e.controller.Record.Samples(ctx, e.controller.Flag, now.Add(-sparkFor))
	if err != nil || len(samples) == 0 {
		return ""
	}
	return "errors in the last hour " + rollout.Sparkline(samples, now, sparkFor, sparkCells) + ", as watched until " + samples[len(samples)-1].At.UTC().Format("15:04:05 UTC")
}

// PhaseLine is one line of the plan.
type PhaseLine struct {
	release.Phase
	// State is "done", "now", "next", "later" or "elsewhere".
	State string `json:"state"`
}

// RolloutPlan is the phases with what is done, now and next.
func RolloutPlan(ctx context.Context, s *Session) ([]PhaseLine, error) {
	state := rollout.State{}
	if s.Config.TargetErr == nil {
		conn, err := pg.Connect(ctx, s.Config.Target, pg.ConnOptions{Application: s.application("rollout plan"), ReadOnly: true, StatementTimeout: recordTimeout})
		if err != nil {
			return nil, ops.AsFailure(err)
		}
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
		if state, err = rollout.PeekRecord(conn).Load(ctx, s.Release.Rollout.Flag); err != nil {
			return nil, err
		}
	}
	return planLines(&s.Release.Rollout, string(s.Config.Environment), state), nil
}

func planLines(r *release.Rollout, environment string, state rollout.State) []PhaseLine {
	own := rollout.Phases(r.In(environment))
	now := own.At(state.Phase)
	var lines []PhaseLine
	for _, p := range r.Phases {
		line := PhaseLine{Phase: p, State: "elsewhere"}
		if i := own.At(p.Name); i >= 0 {
			switch {
			case i < now:
				line.State = "done"
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

// RolloutHistory returns what was done to the rollout, newest first.
func RolloutHistory(ctx context.Context, s *Session, limit int) ([]rollout.Event, error) {
	if s.Config.TargetErr != nil {
		return nil, s.Config.TargetErr
	}
	conn, err := pg.Connect(ctx, s.Config.Target, pg.ConnOptions{Application: s.application("rollout history"), ReadOnly: true, StatementTimeout: recordTimeout})
	if err != nil {
		return nil, ops.AsFailure(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	return rollout.PeekRecord(conn).History(ctx, s.Release.Rollout.Flag, limit)
}

// RolloutUsersNow are the users named now.
func RolloutUsersNow(ctx context.Context, s *Session) ([]string, error) {
	store, err := s.store()
	if err != nil {
		return nil, err
	}
	flags, err := store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("the flag cannot be read from %s: %w", store, err)
	}
	return flags[s.Release.Rollout.Flag].Users(), nil
}
