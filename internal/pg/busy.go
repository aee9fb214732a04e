package pg

import (
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
)

// BusyError is a lock that somebody else holds.
type BusyError struct {
	// Holders may be empty when the lock was let go between trying and asking.
	Holders []Holder
}

// Error names the first holder.
func (e *BusyError) Error() string {
	if len(e.Holders) == 0 {
		return "another operator holds the lock"
	}
	h := e.Holders[0]
	who := h.Application
	if who == "" {
		who = h.User
	}
	return fmt.Sprintf("busy: %s (pid %d) holds %s", who, h.PID, h.What)
}

// Failure is the error as an operator reads it: every holder, and what to do.
func (e *BusyError) Failure() *ops.Failure {
	f := &ops.Failure{
		Code:  ops.ExitBusy,
		What:  e.Error(),
		State: []string{"nothing was touched"},
		Next:  []string{"wait for it to end, then run the same command again"},
		Err:   e,
	}
	for _, h := range e.Holders {
		f.Detail = append(f.Detail, h.String())
		f.Next = append(f.Next, fmt.Sprintf("or, when nobody sits behind it any more: SELECT pg_terminate_backend(%d);", h.PID))
	}
	return f
}
