package runbook

import (
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout"
)

// countsNow refuses a sign-off that would count for nothing: it counts for this stay in the
// phase the rollout is in, and somebody who is thanked for it believes that it does.
func (e *exposing) countsNow(c release.SignOff) error {
	state := e.view.State
	f := &ops.Failure{
		Code: ops.ExitRefused, State: []string{"nothing was recorded; exposure stays at " + e.view.Actual().String()},
		Next: []string{e.invocation("rollout plan")},
	}
	if state.Halted != nil { // going on begins the stay anew
		f.What = fmt.Sprintf("%s: a sign-off counts for nothing until the rollout goes on: it was rolled back by itself", c.Title)
		f.Next = []string{e.invocation(`rollout resume --reason "…"`), "then the same command again"}
		return f
	}
	for _, r := range rollout.Standing(state, e.phases, e.Release.Rollout.SignOffs, e.view.Actual(), e.controller.Stamp()) {
		if r.Kind == rollout.NeedsSignOff && r.ID == c.ID {
			return nil
		}
	}
	where := "before the first phase"
	if state.Phase != "" {
		where = "in the phase " + state.Phase
	}
	f.What = fmt.Sprintf("%s: nobody is asked for it %s, and it would count for nothing", c.Title, where)
	f.Detail = e.askedFor(c.ID)
	return f
}

// askedFor is where this environment asks for a sign-off, or which one does.
func (e *exposing) askedFor(id string) []string {
	var here, elsewhere []string
	for _, p := range e.Release.Rollout.Phases {
		lines := &here
		if e.phases.At(p.Name) < 0 {
			lines = &elsewhere
		}
		for _, entry := range p.Entry {
			if entry == id {
				*lines = append(*lines, fmt.Sprintf("it is asked for to enter %s (%s)", p.Name, p.Environment))
			}
		}
		for _, leave := range p.SignOffs {
			if leave == id {
				*lines = append(*lines, fmt.Sprintf("it is asked for in %s (%s), once that is the present phase", p.Name, p.Environment))
			}
		}
	}
	if len(here) > 0 {
		return here
	}
	return elsewhere
}
