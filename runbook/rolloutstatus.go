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
			samples := e.lastHour(ctx)
			e.alertsOn(step, samples)
			if line := e.spark(samples); line != "" {
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

// lastHour is what watches counted in it; nothing where that cannot be read.
func (e *exposing) lastHour(ctx context.Context) []rollout.Sample {
	samples, err := e.controller.Record.Samples(ctx, e.controller.Flag, e.Now().UTC().Add(-sparkFor))
	if err != nil {
		return nil
	}
	return samples
}

// alertsOn shows the alerts that the watch has on.
func (e *exposing) alertsOn(step *ops.Step, samples []rollout.Sample) {
	const clock = "15:04:05 UTC"
	e.data.Alerts = rollout.AlertsOn(&e.Release.Rollout, e.view.State, samples, e.controller.Stamp())
	for _, a := range e.data.Alerts {
		since := "since " + a.Since.UTC().Format(clock)
		if a.Since.Equal(samples[0].At) {
			since += " or longer"
		}
		step.Record(finding("rollout.alert", ops.Warn(fmt.Sprintf("%s: %s, %s, as the watch saw it at %s", a.ID, a.Title, since, a.Seen.UTC().Format(clock)), "")))
	}
}

// spark draws the last hour's error shares, as the watch counted them.
func (e *exposing) spark(samples []rollout.Sample) string {
	if len(samples) == 0 {
		return ""
	}
	return "errors in the last hour " + rollout.Sparkline(samples, e.Now().UTC(), sparkFor, sparkCells) + ", as watched until " + samples[len(samples)-1].At.UTC().Format("15:04:05 UTC")
}
