package runbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
)

// RolloutPause keeps the rollout from moving on. Exposure stays, and so does the watch.
func RolloutPause(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout pause", o, manner{}, func(ctx context.Context, e *exposing) error {
		if p := e.view.State.Paused; p != nil {
			e.run.Conclusion = append(e.run.Conclusion, fmt.Sprintf("It is paused already, by %s since %s.", p.By, p.At.UTC().Format("2006-01-02 15:04 UTC")))
			return nil
		}
		next := e.view.State
		next.Paused = &rollout.Note{By: e.Operator, At: e.controller.Stamp(), Reason: o.Reason}
		return e.note(ctx, next, rollout.Event{Kind: rollout.KindPause, Reason: o.Reason},
			fmt.Sprintf("Paused; exposure stays at %s, and a watch goes on.", e.view.Actual()), "rollout resume")
	})
}

// RolloutResume lets the rollout go on after a pause, or after a rollback that nobody asked
// for: then what is counted begins anew.
func RolloutResume(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout resume", o, manner{}, func(ctx context.Context, e *exposing) error {
		state := e.view.State
		if state.Paused == nil && state.Halted == nil {
			e.run.Conclusion = append(e.run.Conclusion, "It is neither paused nor halted; nothing was changed.")
			return nil
		}
		if state.Halted != nil {
			if err := o.reasoned("going on after a rollback"); err != nil {
				return err
			}
			lines := []string{"It was rolled back by itself: " + state.Halted.Reason + "."}
			if p := state.Paused; p != nil {
				lines = append(lines, fmt.Sprintf("It is paused too, by %s since %s%s; that ends with it.", p.By, p.At.UTC().Format("2006-01-02 15:04 UTC"), because(p.Reason)))
			}
			lines = append(lines, fmt.Sprintf("This lets it go on from %s; nobody gets the feature by it.", e.view.Actual()))
			if err := e.confirm(ctx, ops.Question{Lines: lines, Word: "yes"}); err != nil {
				return err
			}
		}
		next, said := state, fmt.Sprintf("Going on from %s.", e.view.Actual())
		if state.Halted != nil { // the phase is gone through again; a pause was watched like any other time
			next.Clean = e.controller.Stamp()
			next.Since = next.Clean
			said = fmt.Sprintf("Going on from %s; what is counted begins anew.", e.view.Actual())
			if p := state.Paused; p != nil {
				said += " The pause by " + p.By + because(p.Reason) + " has ended too."
			}
		}
		next.Paused, next.Halted = nil, nil
		command := "rollout status"
		if next.Phase == "" {
			command = "rollout start"
		}
		return e.note(ctx, next, rollout.Event{Kind: rollout.KindResume, Reason: o.Reason},
			said, command)
	})
}

// because is a reason behind what was done for it, "" where none was given.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// SignOff is what somebody vouches for.
type SignOff struct{ Criterion, By, Note string }

// RolloutSignOff records that a criterion is met.
func RolloutSignOff(ctx context.Context, s *Session, sign SignOff, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout signoff "+sign.Criterion, o, manner{}, func(ctx context.Context, e *exposing) error {
		criterion, known := e.Release.Rollout.SignOff(sign.Criterion)
		if !known {
			var ids []string
			for _, c := range e.Release.Rollout.SignOffs {
				ids = append(ids, c.ID)
			}
			return &ops.Failure{
				Code: ops.ExitUsage, What: fmt.Sprintf("there is no criterion %q", sign.Criterion),
				State: []string{"nothing was changed"}, Next: []string{"one of " + strings.Join(ids, ", ") + "; rollout plan shows where each is asked for"},
			}
		}
		if err := e.countsNow(criterion); err != nil {
			return err
		}
		next := e.view.State
		next.SignOffs = append(next.SignOffs[:len(next.SignOffs):len(next.SignOffs)], rollout.Signature{
			Criterion: criterion.ID, Phase: next.Phase, By: sign.By, Note: sign.Note, At: e.controller.Stamp(),
		})
		text := criterion.ID
		if sign.Note != "" {
			text += ": " + sign.Note
		}
		said := fmt.Sprintf("%s: signed off by %s", criterion.Title, sign.By)
		if next.Phase != "" {
			said += ", for " + next.Phase
		}
		if sign.By != e.Operator {
			text += " (for " + sign.By + ")"
		}
		return e.note(ctx, next, rollout.Event{Kind: rollout.KindSignOff, Text: text}, said+".", "rollout gate")
	})
}

// note writes a state that changes no exposure.
func (e *exposing) note(ctx context.Context, next rollout.State, event rollout.Event, said, command string) error {
	err := e.step(ctx, "record", func(ctx context.Context, s *ops.Step) error {
		if _, err := e.controller.Update(ctx, next, event); err != nil {
			return nothingChanged(e.rolloutFailure(e.unwritable(err)))
		}
		s.Record(finding("rollout.recorded", ops.Pass(strings.TrimSuffix(said, "."))))
		return nil
	})
	if err != nil {
		return err
	}
	e.run.Conclusion = append(e.run.Conclusion, said)
	e.run.Next = append(e.run.Next, e.invocation(command))
	return nil
}
