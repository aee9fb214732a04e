package twitch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// Pauses between attempts: full jitter under a bound that doubles.
const (
	pauseFirst = 200 * time.Millisecond
	pauseLast  = 3 * time.Second
)

func pause(attempt int) time.Duration {
	bound := min(pauseLast, pauseFirst<<min(attempt-1, 10))
	return bound/2 + rand.N(bound/2)
}

// verdict is what asking after an attempt that may have been applied came to.
type verdict int

const (
	unknown verdict = iota
	applied
	absent
)

// policy says how a request is repeated.
type policy struct {
	// safe: asking twice is the same as asking once.
	safe bool
	// check tells whether an attempt that may have been applied was. Without it,
	// and not safe, such an attempt is not repeated.
	check func(context.Context) verdict
	// settled are refusals that, after an uncertain attempt, may mean that it was
	// applied: they are checked, not believed.
	settled func(Kind) bool
}

// outcome is a good answer, or the knowledge that an attempt was applied.
type outcome struct {
	answer   answer
	checked  bool // known from asking, not from the answer
	attempts int
}

// do asks until there is an answer that stands, within the attempts and the deadline.
func (c *Client) do(ctx context.Context, r request, p policy) (outcome, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.config.Deadline)
		defer cancel()
	}
	uncertain := false // an attempt may have been applied; whoever goes on has asked, and it was not
	pending := false   // one was not answered at all: asked about or not, it may be applied yet
	for n := 1; ; n++ {
		if err := c.pass(ctx, r, n-1); err != nil {
			return outcome{}, doubt(r, err, pending, yetToCome)
		}
		a := c.attempt(ctx, r)
		if a.ok() {
			c.gates.opened(r.broadcaster)
			return outcome{answer: a, attempts: n}, nil
		}
		failed := c.failure(ctx, r, a, n)
		limited := a.status == http.StatusTooManyRequests
		switch {
		case limited:
			c.gates.close(r.broadcaster, a.header)
		case a.status == http.StatusConflict: // by definition not applied
		case isOpen(a.err):
			return outcome{}, doubt(r, failed, pending, yetToCome)
		case a.status >= 500, a.status == 0:
			lost := a.sent && !p.safe
			uncertain, pending = uncertain || lost, pending || (lost && a.status == 0)
		case uncertain && p.settled != nil && p.settled(failed.Kind):
			done, err := c.settle(ctx, r, p, failed, true)
			if !done && err == nil {
				err = failed
			}
			return outcome{checked: done, attempts: n}, err
		default:
			return outcome{}, failed
		}
		if done, err := c.settle(ctx, r, p, failed, uncertain && !limited); done || err != nil {
			return outcome{checked: true, attempts: n}, err
		}
		if n == c.config.Attempts {
			return outcome{}, doubt(r, c.exhausted(r, failed, limited), pending, yetToCome)
		}
		if ctx.Err() != nil || (!limited && sleep(ctx, pause(n)) != nil) {
			return outcome{}, doubt(r, failed, pending, yetToCome)
		}
	}
}

// settle asks, after an attempt that may have been applied, whether it was: done is
// yes, an error is that nobody can tell, and neither is that it was not.
func (c *Client) settle(ctx context.Context, r request, p policy, failed *Error, uncertain bool) (done bool, err error) {
	if !uncertain {
		return false, nil
	}
	if p.check == nil {
		return false, doubt(r, failed, true, unchecked)
	}
	switch p.check(ctx) {
	case applied:
		return true, nil
	case absent:
		return false, nil
	}
	return false, doubt(r, failed, true, unchecked)
}

// pass waits at the broadcaster's gate; what is of no broadcaster, OAuth, has one too.
func (c *Client) pass(ctx context.Context, r request, attempts int) error {
	shut, err := c.gates.wait(ctx, r.broadcaster)
	if err != nil {
		return c.failure(ctx, r, answer{err: err}, attempts)
	}
	if shut > 0 {
		return limitedFor(r, shut)
	}
	return nil
}

func limitedFor(r request, wait time.Duration) *RateLimited {
	wait = max(time.Second, (wait + time.Second - 1).Truncate(time.Second))
	return &RateLimited{Operation: r.operation, BroadcasterID: r.broadcaster, RetryAfter: wait}
}

// exhausted is the error after the last attempt.
func (c *Client) exhausted(r request, failed *Error, limited bool) error {
	if !limited {
		return failed
	}
	c.gates.mu.Lock()
	defer c.gates.mu.Unlock()
	return limitedFor(r, c.gates.until[r.broadcaster].until.Sub(c.gates.now()))
}

// Why nobody can tell whether it was applied.
const (
	unchecked = "it may have been applied, and that could not be checked"
	yetToCome = "it was not applied when that was asked, and an attempt that was not answered may be applied yet"
)

// doubt makes an error one that says that it may be applied, and why. A limit of
// Twitch's is not its cause but its RetryAfter: whoever looks for [*RateLimited], which
// says that nothing was done, must not find it here.
func doubt(r request, err error, uncertain bool, why string) error {
	if !uncertain {
		return err
	}
	e := &Error{Operation: r.operation, Kind: Uncertain, Message: fmt.Sprintf("%s (%v)", why, err), Err: err}
	var known *Error
	var limited *RateLimited
	switch {
	case errors.As(err, &known):
		e.Status, e.Attempts, e.RetryAfter = known.Status, known.Attempts, known.RetryAfter
	case errors.As(err, &limited):
		e.Status, e.RetryAfter, e.Err = http.StatusTooManyRequests, limited.RetryAfter, nil
	}
	return e
}
