package runbook

import (
	"fmt"
)

// drift says what the flag is and what the rollout left it at, in words that differ.
func (e *exposing) drift() string {
	actual, own := e.view.Actual(), e.view.State.Exposure
	is, left := actual.Apart(own)
	if actual.Enabled {
		is = "at " + is
	}
	if own.Enabled {
		left = "at " + left
	}
	return fmt.Sprintf("it is %s, and was left %s", is, left)
}

// driftedNext is what can be done about it.
func (e *exposing) driftedNext() []string {
	next := []string{e.invocation(`rollout adopt --reason "…"`)}
	if command, open := e.back(); open {
		next = append(next, "or back: "+e.invocation(command))
	}
	return next
}

// back is the command towards what the rollout left, where it is open: to less. More is
// refused over a drift, and nobody is named over one.
func (e *exposing) back() (command string, open bool) {
	left := e.view.State.Exposure
	change := e.phases.Off(e.view)
	command = "rollout off"
	if left.Enabled {
		change, _ = e.phases.Set(e.view, left.Percentage, false) // that it is refused is that it is not less
		command = "rollout set " + left.Percentage.String()
	}
	return command, change.Less() && !change.To.Same(e.view.Actual())
}
