package runbook

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
)

// RolloutStart begins the environment's first phase.
func RolloutStart(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout start", o, manner{}, func(ctx context.Context, e *exposing) error {
		if p := e.view.State.Phase; p != "" && e.view.Drifted() {
			return e.driftedAway()
		} else if p != "" {
			return &ops.Failure{
				Code: ops.ExitRefused, What: "the rollout is under way, in the phase " + p,
				State: []string{"exposure stays at " + e.view.Actual().String()}, Next: []string{e.invocation("rollout status")},
			}
		}
		return e.advance(ctx)
	})
}

// RolloutAdvance moves on to the next phase, when the present one is over.
func RolloutAdvance(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout advance", o, manner{}, func(ctx context.Context, e *exposing) error { return e.advance(ctx) })
}

func (e *exposing) advance(ctx context.Context) error {
	change, _, err := e.phases.Advance(e.view)
	switch {
	case err != nil && e.view.Drifted():
		return e.driftedAway()
	case err != nil:
		return e.refused(err)
	}
	return e.up(ctx, change)
}

// RolloutSet sets the percentage: to more under the same rules as moving on, to less
// always.
func RolloutSet(ctx context.Context, s *Session, to featureflag.Percentage, o RolloutOptions) *ops.Run {
	command := "rollout set " + to.String()
	return s.onRollout(ctx, command, o, manner{lax: true}, func(ctx context.Context, e *exposing) error {
		change, err := e.phases.Set(e.view, to, o.Force)
		switch {
		case e.controller.Record == nil && !change.Less():
			return e.unknown() // what comes next is not known either
		case err != nil && e.view.Drifted():
			return e.driftedAway()
		case err != nil:
			return e.refused(err)
		case change.To.Same(e.view.Actual()) && !e.unrecorded(change):
			return e.already(ctx)
		case change.Less():
			return e.less(ctx, change)
		}
		return e.up(ctx, change)
	})
}

// RolloutOff takes the feature from everybody, at once.
func RolloutOff(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout off", o, manner{lax: true, off: true}, func(ctx context.Context, e *exposing) error {
		change := e.phases.Off(e.view)
		if change.To.Same(e.view.Actual()) && e.view.Flag.Version != 0 && !e.unrecorded(change) {
			return e.already(ctx)
		}
		change.Reason = o.Reason
		return e.change(ctx, change)
	})
}

// RolloutUsers names users, and takes names back.
func RolloutUsers(ctx context.Context, s *Session, add, remove []string, o RolloutOptions) *ops.Run {
	command := "rollout users add"
	if len(remove) > 0 {
		command = "rollout users remove"
	}
	return s.onRollout(ctx, command, o, manner{lax: len(add) == 0}, func(ctx context.Context, e *exposing) error {
		change := e.phases.Users(e.view, add, remove)
		if _, err := change.To.Flag(e.controller.Flag); err != nil {
			return &ops.Failure{Code: ops.ExitUsage, What: err.Error(), State: []string{"nothing was changed"}, Next: []string{e.invocation(command + " ID ID")}}
		}
		if err := e.strangers(ctx, remove); err != nil {
			return err
		}
		if change.To.Same(e.view.Actual()) {
			return e.already(ctx)
		}
		if err := e.roomFor(&change, len(add) > 0); err != nil {
			return err
		}
		return e.less(ctx, change)
	})
}

// RolloutAdopt makes what somebody set behind the rollout's back its own.
func RolloutAdopt(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout adopt", o, manner{}, func(ctx context.Context, e *exposing) error {
		if err := o.reasoned("adopting what somebody else set"); err != nil {
			return err
		}
		if e.view.Flag.Version == 0 || e.view.State.Known && !e.view.Drifted() {
			e.run.Conclusion = append(e.run.Conclusion, fmt.Sprintf("%s is %s, as the rollout left it; there is nothing to adopt.", e.controller.Flag, stands(e.view.Actual())))
			return nil
		}
		change := e.phases.Adopt(e.view)
		change.Reason = o.Reason
		err := e.confirm(ctx, ops.Question{
			Lines: []string{fmt.Sprintf("This takes %s, as somebody set it, for the rollout's own: %s.", change.To, phaseOr(change.Phase, "no phase"))}, Word: "yes",
		})
		if err != nil {
			return err
		}
		return e.change(ctx, change)
	})
}

// unrecorded reports whether the store holds what the change asks for, and the record holds
// more: whoever made it could not record it, and asks for it again.
func (e *exposing) unrecorded(change rollout.Change) bool {
	return e.view.Drifted() && e.view.State.Exposure.MoreThan(change.To)
}

func phaseOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return "the phase " + name
}
