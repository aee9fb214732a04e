package runbook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
)

// up is a change to more: everything that is required is there, or it is forced.
func (e *exposing) up(ctx context.Context, change rollout.Change) error {
	change.Reason = e.o.Reason
	if e.o.Force {
		if err := e.o.reasoned("--force"); err != nil {
			return err
		}
		change.Forced = true
	}
	var rs []rollout.Requirement
	err := e.step(ctx, "gate", func(ctx context.Context, s *ops.Step) (err error) {
		if rs, err = e.judged(ctx); err != nil {
			return err
		}
		refused := !rollout.Met(rs) && !e.o.Force
		for _, r := range rs {
			result := e.requirementResult(r)
			if e.o.Force && result.Status == ops.StatusFail {
				result.Status = ops.StatusWarn // it keeps nothing from being made
			}
			if !refused || r.Verdict == gate.Pass { // what is missing is told by the refusal
				s.Record(result)
			}
		}
		if refused {
			s.Record(finding("rollout.missing", ops.Warn(notMet(rs), "")))
		} else if !rollout.Met(rs) {
			s.Record(finding("rollout.forced", ops.Warn(fmt.Sprintf("forced by %s although %s: %s", e.Operator, notMet(rs), e.o.Reason), "")))
		}
		return nil
	})
	if err != nil {
		return nothingChanged(err)
	}
	if !rollout.Met(rs) && !e.o.Force {
		return e.notOver(rs)
	}
	if err := e.answerable(); err != nil {
		return err
	}
	lines := []string{fmt.Sprintf("This exposes %s on %s: %s → %s.", e.controller.Flag, e.Config.Environment, e.view.Actual(), change.To)}
	if e.o.Force && !rollout.Met(rs) {
		lines = append(lines, notMet(rs)+"; it is forced.")
	}
	if err := e.confirm(ctx, ops.Question{Lines: lines, Word: "yes"}); err != nil {
		return err
	}
	return e.change(ctx, change)
}

// notMet is how many requirements are not met.
func notMet(rs []rollout.Requirement) string {
	if n := len(unmet(rs)); n != 1 {
		return fmt.Sprintf("%d requirements are not met", n)
	}
	return "1 requirement is not met"
}

// less is a change that needs nothing but production's question.
func (e *exposing) less(ctx context.Context, change rollout.Change) error {
	change.Reason = e.o.Reason
	if e.production() {
		if err := e.answerable(); err != nil {
			return err
		}
		err := e.confirm(ctx, ops.Question{Lines: []string{fmt.Sprintf("This sets %s on %s: %s.", e.controller.Flag, e.Config.Environment, transition(change))}, Word: "yes"})
		if err != nil {
			return err
		}
	}
	return e.change(ctx, change)
}

// change makes the change and shows how it arrived.
func (e *exposing) change(ctx context.Context, change rollout.Change) error {
	e.changing = true
	var d rollout.Done
	err := e.step(ctx, "set", func(ctx context.Context, s *ops.Step) error {
		var err error
		d, err = e.controller.Do(ctx, e.view, change, following(s))
		e.data.Change, e.data.Instances = &d.Change, d.Followed.Instances
		if d.Flag.Version != 0 || err == nil {
			e.data.Actual = rollout.ExposureOf(d.Flag)
		}
		if err != nil {
			return e.unset(d, err)
		}
		e.data.TookMS = float64(d.Followed.Took) / float64(time.Millisecond)
		s.Record(finding("rollout.set", ops.Pass(fmt.Sprintf("%s in %s", transition(d.Change), e.controller.Store))))
		e.showFollowed(s, d)
		e.annotate(ctx, s, d)
		if d.Recorded == nil { // what cannot be reached is not asked again
			e.openRecord(ctx, s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.conclude(d)
	if !d.Complete() {
		return e.incomplete(d)
	}
	return nil
}

// unset is the failure of a change: what the flag is at now.
func (e *exposing) unset(d rollout.Done, err error) error {
	f := *ops.AsFailure(e.rolloutFailure(e.unwritable(err)))
	f.Err = err
	var without []string
	if len(f.State) == 0 {
		if d.Flag.Version != 0 && rollout.ExposureOf(d.Flag).Same(d.Change.To) {
			f.State = append([]string{fmt.Sprintf("the flag is %s in the store, and stays so", stands(d.Change.To))}, sofar(d)...)
		} else {
			f.State = []string{"the flag was not written; exposure stays at " + e.view.Actual().String()}
			if errors.Is(err, rollout.ErrOutcomeUnknown) {
				f.State = []string{fmt.Sprintf("whether the flag was written is not known: it was %s, and is to be %s", stands(e.view.Actual()), stands(d.Change.To))}
			}
			if takesBack(d.Change, err) {
				without = e.lastResort()
			}
		}
	}
	if len(f.Next) == 0 {
		f.Next = []string{e.invocation("rollout status"), "the same command again"}
	}
	f.Next = append(f.Next, without...)
	return &f
}

// sofar is who followed when the waiting was broken off.
func sofar(d rollout.Done) []string {
	n := len(d.Followed.Instances)
	if n == 0 {
		return []string{"how many instances follow is not known"}
	}
	lines := []string{fmt.Sprintf("%d of %d instances confirmed by then", n-len(d.Followed.Behind), n)}
	for _, v := range d.Followed.Behind {
		lines = append(lines, "not "+instanceName(v)+": "+seen(v))
	}
	return lines
}

// conclude is the last line: "twitch_moderation off · 6 of 6 instances confirm · 0.21 s".
func (e *exposing) conclude(d rollout.Done) {
	line := fmt.Sprintf("flag %s %s", e.controller.Flag, d.Change.To)
	if n := len(d.Followed.Instances); n > 0 {
		line += fmt.Sprintf(" · %d of %d instances confirm", n-len(d.Followed.Behind), n)
	}
	line += fmt.Sprintf(" · %.2f s", d.Followed.Took.Seconds())
	e.run.Conclusion = append(e.run.Conclusion, line)
	if d.Complete() {
		e.run.Next = append(e.run.Next, e.invocation("rollout status"))
	}
}

// incomplete is the end of a change that did not arrive everywhere: it stays.
func (e *exposing) incomplete(d rollout.Done) error {
	f := &ops.Failure{
		Code: ops.ExitFailed, What: "the flag is set, but not every instance follows",
		State: []string{fmt.Sprintf("the flag is %s in %s; that stays", stands(d.Change.To), e.controller.Store)},
		Next:  []string{e.again(d.Change) + ": it has services read the flag again, and waits again", e.invocation("rollout status")},
	}
	for _, v := range d.Followed.Behind {
		f.Detail = append(f.Detail, instanceName(v)+": "+seen(v))
	}
	switch {
	case d.Applied != nil:
		f.What = "the flag is set, but services could not be made to read it"
		f.Detail = append(f.Detail, d.Applied.Error())
	case d.Asked != nil:
		f.What = "the flag is set, but no instance could be asked whether it follows"
		f.Detail = append(f.Detail, d.Asked.Error())
	}
	return f
}

// stands is "off", or "at 10%".
func stands(x rollout.Exposure) string {
	if !x.Enabled {
		return x.String()
	}
	return "at " + x.String()
}

// transition is "10% → 50%", or who is named where that is what changes.
func transition(c rollout.Change) string {
	if c.Kind == rollout.KindUsers {
		return fmt.Sprintf("%d → %d users named", len(c.From.Users), len(c.To.Users))
	}
	from, to := c.From.Apart(c.To)
	return from + " → " + to
}
