package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/pg"
)

// observed is what is being looked at. The observer's goroutine alone has asked and
// next; the rest that changes is under its mutex.
type observed struct {
	file               File
	statement, attempt int
	pid                uint32
	// began tells the session from a later one with the same process id.
	began string
	// locks are the migration locks, for the session may wait for who waits for them.
	locks []int64
	// patience is how long its waits may be in all, zero for no bound.
	patience time.Duration
	// expected is how long it is expected to take, zero when nothing is.
	expected      time.Duration
	started, told time.Time
	asked, next   time.Time
	phase         string
	waits         waits
	abandon       context.CancelCauseFunc
	seen          sighting
}

// sighting is what was seen last.
type sighting struct {
	blockers []pg.Holder
	// on is what the lock is on, e.g. "public.users".
	on string
	// waited is how long it waited for locks in all; stopped says that it was ended
	// for that.
	waited  time.Duration
	stopped bool
}

// orElse is the sighting, or an earlier one when nobody was seen: who was in the way
// then is who is likely to be.
func (s sighting) orElse(earlier sighting) sighting {
	if len(s.blockers) > 0 {
		return s
	}
	return earlier
}

// tell emits what is new; o.mu is held, so that nothing is told of a statement
// that is over.
func (o *observer) tell(job *observed, now activity) {
	event := Event{File: job.file, Statement: job.statement, Attempt: job.attempt, Took: time.Since(job.started)}
	if now.waits && len(now.blockers) > 0 {
		isNew := !slices.EqualFunc(job.seen.blockers, now.blockers, func(a, b pg.Holder) bool { return a.PID == b.PID })
		job.seen.blockers, job.seen.on = now.blockers, now.on
		if isNew {
			event.Kind, event.Blockers = Waiting, now.blockers
			event.Text = fmt.Sprintf("%s waits for a lock on %s held by %s", job.file.ID(), now.on, nameHolders(now.blockers))
			o.e.emit(event)
		}
		return
	}
	if time.Since(job.told) < tellEvery && now.phase == job.phase {
		return
	}
	job.told, job.phase = time.Now(), now.phase
	event.Kind, event.Phase, event.Done, event.Total = Running, now.phase, now.done, now.total
	event.Unit, event.Wait = now.unit, now.wait
	event.Expected, event.Left = job.expected, job.left()
	event.Text = now.describe(job)
	o.e.emit(event)
}

// once tells about a shortcoming of ours the first time it is met; o.mu is held.
func (o *observer) once(what, text string) {
	if o.job == nil || o.said[what] {
		return
	}
	o.said[what] = true
	o.e.emit(Event{Kind: Note, File: o.job.file, Statement: -1, Text: what + ": " + text})
}
