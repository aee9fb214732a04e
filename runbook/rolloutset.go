package runbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/instances"
)

// RolloutStart begins the environment's first phase.
func RolloutStart(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout start", o, false, func(ctx context.Context, e *exposing) error {
		if p := e.view.State.Phase; p != "" {
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
	return s.onRollout(ctx, "rollout advance", o, false, func(ctx context.Context, e *exposing) error { return e.advance(ctx) })
}

func (e *exposing) advance(ctx context.Context) error {
	change, _, err := e.phases.Advance(e.view)
	if err != nil {
		return e.refused(err)
	}
	return e.up(ctx, change)
}

// RolloutSet sets the percentage: to more under the same rules as moving on, to less
// always.
func RolloutSet(ctx context.Context, s *Session, to featureflag.Percentage, o RolloutOptions) *ops.Run {
	command := "rollout set " + to.String()
	return s.onRollout(ctx, command, o, true, func(ctx context.Context, e *exposing) error {
		change, err := e.phases.Set(e.view, to, o.Force)
		switch {
		case e.controller.Record == nil && !change.Less():
			return e.unknown() // what comes next is not known either
		case err != nil && e.view.Drifted():
			return e.driftedAway()
		case err != nil:
			return e.refused(err)
		case change.To.Same(e.view.Actual()):
			return e.already(ctx)
		case change.Less():
			return e.less(ctx, change)
		}
		return e.up(ctx, change)
	})
}

// RolloutOff takes the feature from everybody, at once.
func RolloutOff(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout off", o, true, func(ctx context.Context, e *exposing) error {
		change := e.phases.Off(e.view)
		if change.To.Same(e.view.Actual()) && e.view.Flag.Version != 0 {
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
	return s.onRollout(ctx, command, o, len(add) == 0, func(ctx context.Context, e *exposing) error {
		change := e.phases.Users(e.view, add, remove)
		if _, err := change.To.Flag(e.controller.Flag); err != nil {
			return &ops.Failure{Code: ops.ExitUsage, What: err.Error(), State: []string{"nothing was changed"}}
		}
		if change.To.Same(e.view.Actual()) {
			return e.already(ctx)
		}
		if err := e.tooMany(change); err != nil {
			return err
		}
		return e.less(ctx, change)
	})
}

// tooMany refuses more names than the present phase has room for.
func (e *exposing) tooMany(change rollout.Change) error {
	i := e.phases.At(e.view.State.Phase)
	if i < 0 || len(change.To.Users) <= len(change.From.Users) {
		return nil
	}
	most := e.phases[i].Users.Most
	if most == 0 || len(change.To.Users) <= most {
		return nil
	}
	if e.o.Force {
		return e.o.reasoned("--force")
	}
	return &ops.Failure{
		Code: ops.ExitRefused, What: fmt.Sprintf("%s has room for %d named users, and there would be %d", e.phases[i].Name, most, len(change.To.Users)),
		State: []string{"exposure stays at " + e.view.Actual().String()},
		Next:  []string{e.invocation("rollout users remove ID…"), `the same command with --force --reason "…"`},
	}
}

// RolloutAdopt makes what somebody set behind the rollout's back its own.
func RolloutAdopt(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout adopt", o, false, func(ctx context.Context, e *exposing) error {
		if err := o.reasoned("adopting what somebody else set"); err != nil {
			return err
		}
		if e.view.State.Known && !e.view.Drifted() {
			return e.already(ctx)
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

func phaseOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return "the phase " + name
}

// already is the end of a command that found the flag as it is wanted. Whoever asked for
// it before may not have seen it arrive: services that do not follow are made to read it
// again, and are waited for as after a change.
func (e *exposing) already(ctx context.Context) error {
	d := rollout.Done{Change: rollout.Change{To: e.view.Actual()}, Flag: e.view.Flag}
	err := e.step(ctx, "instances", func(ctx context.Context, s *ops.Step) error {
		if len(e.Config.Rollout.Instances) == 0 {
			if e.controller.Apply != nil {
				d.Applied = e.controller.Apply(ctx)
			}
			e.showFollowed(s, d)
			return ctx.Err()
		}
		if views, err := e.controller.Instances.Ask(ctx, e.controller.Flag); err != nil || !follow(views, e.view) {
			if e.controller.Apply != nil {
				d.Applied = e.controller.Apply(ctx)
			}
		}
		d.Followed, d.Asked = e.controller.Instances.Follow(ctx, e.view.Flag, e.o.Propagation, following(s))
		e.data.Instances = d.Followed.Instances
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.showFollowed(s, d)
		return nil
	})
	if err != nil {
		return err
	}
	if !d.Complete() {
		return e.incomplete(d)
	}
	e.run.Conclusion = append(e.run.Conclusion, fmt.Sprintf("%s is %s already; nothing was changed.", e.controller.Flag, stands(e.view.Actual())))
	return nil
}

// follow reports whether all of them see the flag as it is.
func follow(views []instances.View, v rollout.View) bool {
	return !slices.ContainsFunc(views, func(one instances.View) bool { return !one.Sees(v.Flag) })
}

// following shows how many instances follow.
func following(s *ops.Step) func(follow, of int) {
	return func(follow, of int) {
		s.Progress(ops.Progress{Done: int64(follow), Total: int64(of), Unit: "instances"})
	}
}

// unknown is the refusal of more while the record cannot be read.
func (e *exposing) unknown() error {
	f := *ops.AsFailure(e.controller.RecordErr)
	f.What = "more needs to know where the rollout stands: " + f.What
	f.State = []string{"nothing was changed; exposure stays at " + e.view.Actual().String()}
	return &f
}

// refused makes a refusal of the phases one for the operator.
func (e *exposing) refused(err error) error {
	var no *rollout.RefusedError
	if !errors.As(err, &no) {
		return err
	}
	f := &ops.Failure{Code: ops.ExitRefused, What: no.Why, State: []string{"exposure stays at " + e.view.Actual().String()}, Err: err}
	if no.Next != "" {
		f.Next = []string{e.invocation(no.Next)}
	}
	return f
}

// driftedAway refuses more while somebody else's change is not adopted.
func (e *exposing) driftedAway() error {
	return &ops.Failure{
		Code: ops.ExitRefused, What: "somebody has changed the flag behind the rollout's back",
		Detail: []string{fmt.Sprintf("it is %s, and was left %s", stands(e.view.Actual()), stands(e.view.State.Exposure))},
		State:  []string{"exposure stays at " + e.view.Actual().String()},
		Next:   []string{e.invocation(`rollout adopt --reason "…"`), "or back: " + e.invocation(e.back())},
	}
}

// back is the command that makes the flag what the rollout left.
func (e *exposing) back() string {
	if !e.view.State.Exposure.Enabled {
		return "rollout off"
	}
	return "rollout set " + e.view.State.Exposure.Percentage.String()
}

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
		rs, err = e.requirements(ctx, s)
		if err == nil && !rollout.Met(rs) && e.o.Force {
			s.Record(finding("rollout.forced", ops.Warn(fmt.Sprintf("forced by %s although %s: %s", e.Operator, notMet(rs), e.o.Reason), "")))
		}
		return err
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
	f := *ops.AsFailure(rolloutFailure(err))
	f.Err = err
	if len(f.State) == 0 {
		if d.Flag.Version != 0 && rollout.ExposureOf(d.Flag).Same(d.Change.To) {
			f.State = append([]string{fmt.Sprintf("the flag is %s in the store, and stays so", stands(d.Change.To))}, sofar(d)...)
		} else {
			f.State = []string{"the flag was not written; exposure stays at " + e.view.Actual().String()}
		}
	}
	if len(f.Next) == 0 {
		f.Next = []string{e.invocation("rollout status"), "the same command again"}
	}
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

// showFollowed records who follows and what went wrong beside the change.
func (e *exposing) showFollowed(s *ops.Step, d rollout.Done) {
	if d.Recorded != nil {
		s.Record(finding("rollout.recorded", ops.Warn("the change could not be recorded: "+d.Recorded.Error(), e.invocation(`rollout adopt --reason "…"`)+" once the database answers")))
	}
	if d.Applied != nil {
		s.Record(finding("rollout.applied", ops.Fail("services could not be made to read the flag again: "+d.Applied.Error(), "run it by hand: "+strings.Join(e.Config.Rollout.Apply, " "))))
	}
	n, behind := len(d.Followed.Instances), len(d.Followed.Behind)
	switch {
	case len(e.Config.Rollout.Instances) == 0:
		s.Record(finding("rollout.instances", ops.Warn("no instances are configured, so nobody confirms", "set rollout.instances in clipperops.yaml")))
	case d.Asked != nil:
		s.Record(finding("rollout.instances", ops.Fail("no instance could be found to ask: "+d.Asked.Error(), e.invocation("rollout status"))))
	case n == 0:
		s.Record(finding("rollout.instances", ops.Fail("no instance was found where rollout.instances says they are", e.invocation("rollout status"))))
	case behind > 0:
		r := ops.Fail(fmt.Sprintf("%d of %d instances do not follow", behind, n), "see that they run and read the store, or take those that are gone out of rollout.instances; "+e.invocation("rollout status"))
		for _, v := range d.Followed.Behind {
			r.Evidence = append(r.Evidence, ops.Fact{Name: instanceName(v), Value: seen(v)})
		}
		s.Record(finding("rollout.instances", r))
	case d.Wrote == 0:
		s.Record(finding("rollout.instances", ops.Pass(fmt.Sprintf("%d of %d instances confirm", n, n))))
	default:
		s.Record(finding("rollout.instances", ops.Pass(fmt.Sprintf("%d of %d instances confirm, %s after the command began to write", n, n, reports.Duration(d.Followed.Took)))))
	}
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
	return fmt.Sprintf("%s → %s", c.From, c.To)
}

func instanceName(v instances.View) string {
	if v.Name != "" {
		return v.Name + " (" + v.Address + ")"
	}
	return v.Address
}

// seen is how an instance sees the flag, or why that is not known.
func seen(v instances.View) string {
	if !v.Known {
		return v.Problem
	}
	text := v.Percentage.String() + "%"
	if v.Users > 0 {
		text += fmt.Sprintf(" and %d users", v.Users)
	}
	if !v.Enabled {
		text = "off"
	}
	if v.Problem != "" {
		text += "; " + v.Problem
	}
	return text
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
		Next:  []string{e.invocation("rollout status")},
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

// showInstances records how every instance sees the flag.
func (e *exposing) showInstances(ctx context.Context, s *ops.Step) error {
	if len(e.Config.Rollout.Instances) == 0 {
		s.Record(finding("rollout.instances", ops.Skip("no instances are configured: set rollout.instances in clipperops.yaml")))
		return nil
	}
	views, err := e.controller.Instances.Ask(ctx, e.controller.Flag)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.Record(finding("rollout.instances", ops.Warn("no instance could be asked: "+err.Error(), "see rollout.instances in clipperops.yaml")))
		return nil
	}
	e.data.Instances = views
	for _, v := range views {
		r := ops.Pass(instanceName(v) + ": " + seen(v))
		if !v.Sees(e.view.Flag) {
			r = ops.Warn(instanceName(v)+" does not follow: "+seen(v), "see that it runs and reads the store")
		}
		s.Record(finding("rollout.instance", r))
	}
	return nil
}
