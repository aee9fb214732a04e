package ops

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DefaultCheckTimeout bounds a Check that states no timeout of its own.
const DefaultCheckTimeout = 30 * time.Second

// Check is pure data: something that can be looked at, and how.
type Check struct {
	// ID is stable, "group.name".
	ID string
	// Title says what is checked, e.g. "no long-running transactions".
	Title string
	// Group is the heading the result stands under, e.g. "database".
	Group string
	// Fatal says whether a finding stops the operation. A StatusFail of a check
	// that is not fatal is recorded as StatusWarn, unless the check could not run.
	Fatal bool
	// Timeout bounds Run; zero means DefaultCheckTimeout.
	Timeout time.Duration
	// Run looks and answers. It fills neither ID, Title nor Took.
	Run func(context.Context) Result
}

// Evaluate runs the check and completes its result: identity, duration, the
// timeout, and the demotion of findings that are not fatal.
func (c Check) Evaluate(ctx context.Context) Result {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultCheckTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	started := time.Now()
	r := c.Run(limited)
	r.Took = time.Since(started)
	r.ID, r.Title = c.ID, c.Title
	if r.Status == StatusFail && r.Err == nil && !c.Fatal {
		r.Status = StatusWarn
	}
	if r.Err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		r.Summary = fmt.Sprintf("could not be checked within %s", timeout)
	}
	return r
}
