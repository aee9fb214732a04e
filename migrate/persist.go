package migrate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/pg"
)

// result is what became of a transaction after all its attempts.
type result struct {
	err      error
	last     attempt
	attempts int
	// blockers are who stood in the way at the last attempt.
	blockers []pg.Holder
	// state is where the database turned out to be, when that had to be asked.
	state *verdict
}

// verdict is what the database answered about where it stands.
type verdict struct {
	state State
	err   error
}

// persist runs a transaction until it is committed, fails for good, or has not got
// its locks for as long as the options say.
func (e *engine) persist(ctx context.Context, tx transaction) result {
	var r result
	var seen sighting
	var until time.Time
	for {
		r.attempts++
		stop := e.watch.over(tx.file, -1, r.attempts, nil)
		r.last, r.err = e.run(ctx, tx)
		now := stop()
		r.err = now.gaveWay(r.err)
		r.blockers, seen = now.blockers, now.orElse(seen)
		if r.err != nil && e.givesWay(r.err) {
			r.blockers = seen.blockers
		}
		if r.err == nil || !e.givesWay(r.err) || ctx.Err() != nil {
			return r
		}
		if until.IsZero() {
			until = time.Now().Add(e.o.RetryFor)
		}
		if !e.waitToRetry(ctx, tx.file, -1, r, seen, until) {
			return r
		}
	}
}

// givesWay reports whether trying again can help: another session was in the way.
func (e *engine) givesWay(err error) bool {
	switch pgErrorCode(err) {
	case "55P03", "40P01", "40001": // lock_not_available, deadlock_detected, serialization_failure
		return !e.lost()
	}
	return false
}

// waitToRetry says who stood in the way and lets them pass. It is false when the
// time for trying is over or ctx is done.
func (e *engine) waitToRetry(ctx context.Context, f File, statement int, r result, seen sighting, until time.Time) bool {
	pause := retryPause(e.o.LockTimeout, r.attempts)
	if time.Now().Add(pause).After(until) {
		return false
	}
	e.emit(Event{
		Kind: Retrying, File: f, Attempt: r.attempts, Statement: statement, Blockers: seen.blockers, RetryIn: pause,
		Text: fmt.Sprintf("%s %s; giving way, next try in %s", f.ID(), inTheWay(r.err, seen), roughly(pause)),
	})
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-e.o.LockLost:
		return false
	case <-timer.C:
		return true
	}
}

// retryPause is about as long as we made others wait, longer each time, and never
// twice the same: two who give way to each other should not meet again.
func retryPause(lockTimeout time.Duration, attempts int) time.Duration {
	base := min(lockTimeout, 5*time.Second) << min(attempts-1, 2)
	return base/2 + rand.N(base)
}

// inTheWay says why an attempt was given up.
func inTheWay(err error, seen sighting) string {
	var what string
	switch pgErrorCode(err) {
	case "40P01":
		what = "met a deadlock"
	case "40001":
		what = "met a change made at the same time"
	default:
		what = "did not get its lock"
	}
	if seen.on != "" {
		what += " on " + seen.on
	}
	if len(seen.blockers) > 0 {
		what += ", held by " + nameHolders(seen.blockers)
	}
	return what
}

// nameHolders is short: "pid 8330 (clipper-backend, idle in transaction, 3 s)".
func nameHolders(holders []pg.Holder) string {
	var all []string
	for _, h := range holders {
		var about []string
		for _, s := range []string{h.Application, h.State} {
			if s != "" {
				about = append(about, s)
			}
		}
		if h.Application == "" && h.User != "" {
			about = append([]string{h.User}, about...)
		}
		if !h.Since.IsZero() {
			about = append(about, roughly(time.Since(h.Since)))
		}
		one := fmt.Sprintf("pid %d", h.PID)
		if h.PID == 0 {
			one = "a prepared transaction"
		}
		if len(about) > 0 {
			one += " (" + strings.Join(about, ", ") + ")"
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

// roughly rounds a duration for people: "0.21 s", "1.4 s", "12 s", "3 min".
func roughly(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 1:
		return fmt.Sprintf("%.2f s", max(s, 0))
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	default:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
}
