package runbook

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
)

// roomFor refuses to name more users while somebody else's change is not adopted, and
// more of them than the present phase has room for.
func (e *exposing) roomFor(change *rollout.Change, adds bool) error {
	drifted := adds && e.view.Drifted()
	most := 0
	if i := e.phases.At(e.view.State.Phase); i >= 0 {
		most = e.phases[i].Users.Most
	}
	crowded := most > 0 && len(change.To.Users) > max(most, len(change.From.Users))
	switch {
	case !drifted && !crowded:
		return nil
	case e.o.Force:
		change.Forced = true
		return e.o.reasoned("--force")
	case drifted:
		return e.driftedAway()
	}
	return &ops.Failure{
		Code: ops.ExitRefused, What: fmt.Sprintf("%s has room for %d named users, and there would be %d", e.view.State.Phase, most, len(change.To.Users)),
		State: []string{"exposure stays at " + e.view.Actual().String()},
		Next:  []string{e.invocation("rollout users remove ID…"), `the same command with --force --reason "…"`},
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
		Detail: []string{e.drift()},
		State:  []string{"exposure stays at " + e.view.Actual().String()},
		Next:   e.driftedNext(),
	}
}

// notOver is the refusal of moving on: what is missing, and when it can be there.
func (e *exposing) notOver(rs []rollout.Requirement) error {
	missing := unmet(rs)
	what := "the rollout cannot begin"
	if p := e.view.State.Phase; p != "" {
		what = "the " + p + " phase is not over"
		if e.view.State.Halted != nil {
			what = "the rollout was rolled back by itself, and goes on when a person says so"
		} else if e.view.State.Paused != nil {
			what = "the rollout is paused"
		}
	}
	f := &ops.Failure{Code: ops.ExitRefused, What: what}
	for _, r := range missing {
		mark := "…"
		if r.Verdict == gate.Fail {
			mark = "✗"
		}
		line := fmt.Sprintf("%s %s: %s", mark, r.Title, r.Words)
		f.Detail = append(f.Detail, line)
		if fix := e.requirementResult(r).Fix; fix != "" && !slices.Contains(f.Next, fix) {
			f.Next = append(f.Next, fix)
		}
	}
	f.State = []string{fmt.Sprintf("exposure stays at %s", e.view.Actual())}
	if e.view.Actual().Enabled && rollout.Verdict(rs) != gate.Fail { // of which the next step has said it
		f.Next = append(f.Next, "less is always possible: "+e.invocation("rollout set 0"))
	}
	return f
}

// rolloutFailure says what an error of the controller means for the operator.
func (e *exposing) rolloutFailure(err error) error {
	var conflict *featureflag.Conflict
	var changed *rollout.ChangedError
	var busy *rollout.BusyError
	switch {
	case errors.As(err, &conflict):
		return &ops.Failure{
			Code: ops.ExitBusy, What: conflict.Error(), State: []string{"nothing was changed by this command"},
			Next: []string{e.invocation("rollout status"), "the same command again, if it is still wanted"}, Err: err,
		}
	case errors.As(err, &changed):
		return &ops.Failure{
			Code: ops.ExitBusy, What: changed.By + " has changed the rollout meanwhile", State: []string{"nothing was changed by this command"},
			Next: []string{e.invocation("rollout history"), "the same command again, if it is still wanted"}, Err: err,
		}
	case errors.As(err, &busy):
		return &ops.Failure{
			Code: ops.ExitBusy, What: busy.Error(), State: []string{"nothing was changed by this command"},
			Next: []string{"the same command again in a moment"}, Err: err,
		}
	}
	return err
}

// reasoned reports whether a reason was stated where one is needed.
func (o RolloutOptions) reasoned(what string) error {
	if strings.TrimSpace(o.Reason) != "" {
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitUsage, What: what + ` needs --reason "…", which is recorded`,
		State: []string{"nothing was changed"}, Next: []string{`the same command with --reason "…"`},
	}
}
