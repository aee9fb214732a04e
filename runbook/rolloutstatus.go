package runbook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
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
	return s.onRollout(ctx, "rollout status", o, manner{lax: true, reads: true}, func(ctx context.Context, e *exposing) error {
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
			} else if e.view.Actual().Enabled {
				step.Record(finding("rollout.recent", ops.Warn("no watch has counted anything in the last hour; without one nobody takes the feature back", e.invocation("rollout watch"))))
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
	case !ok && e.view.State.Phase == "":
		return fmt.Sprintf("%s is %s; the release has no phases for this environment.", e.controller.Flag, stands(e.view.Actual()))
	case !ok:
		return fmt.Sprintf("%s is %s, in %s, the last phase.", e.controller.Flag, stands(e.view.Actual()), e.view.State.Phase)
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
