package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/rollout/instances"
)

const (
	// recordPatience bounds what is recorded of a change that waits for nothing.
	recordPatience = 2 * time.Second
	// underWay is how long a change that was begun may be somebody's who is still at it.
	underWay = 5 * time.Second
	// tries bounds how often a change that waits for nothing is tried against others.
	tries = 5
)

// Controller changes one flag: every change there is goes through it.
type Controller struct {
	Flag  string
	Store featureflag.Writer
	// Record is where the rollout stands; nil when it cannot be had, which RecordErr
	// says. Less exposure is possible without it.
	Record    *Record
	RecordErr error
	// Lax goes on without the record when it stops answering, for a change to less.
	Lax bool
	// Apply makes services read the store again; nil where they follow it by themselves.
	Apply func(context.Context) error
	// Instances are those that must follow, Timeout how long they may take.
	Instances instances.Client
	Timeout   time.Duration
	Now       func() time.Time
	// By is who acts, from Host, in Run.
	By, Host, Run string
}

// View is what there is at one moment.
type View struct {
	State State
	// Flag is what the store holds; version 0 where it has no such flag.
	Flag featureflag.Flag
	// Note says what was found and put in order while looking; "" for nothing.
	Note string
}

// Actual is the exposure that the store holds.
func (v View) Actual() Exposure { return ExposureOf(v.Flag) }

// Drifted reports whether the store holds something else than the rollout left there.
func (v View) Drifted() bool {
	return v.State.Known && v.State.Pending == nil && !v.State.Exposure.Same(v.Actual())
}

// Look reads the store and the record. A change that somebody began and did not record
// as done, because they were killed, is recorded now as what the store shows.
func (c *Controller) Look(ctx context.Context) (View, error) {
	v, err := c.lookAtBoth(ctx)
	// A note from the future is of a clock that was set back since.
	if err != nil || v.State.Pending == nil || c.Now().Sub(v.State.Pending.At).Abs() < underWay {
		return v, err
	}
	v, err = c.settle(ctx, v)
	if err != nil && c.goOn(ctx, err) {
		return v, nil
	}
	return v, err
}

// lookAtBoth reads the record and then the store. What looks changed behind the rollout's
// back may have been changed by it in between: then both are read again.
func (c *Controller) lookAtBoth(ctx context.Context) (View, error) {
	v := View{State: State{Flag: c.Flag}}
	var err error
	if v.State, err = c.load(ctx); err != nil {
		return v, err
	}
	for try := 1; ; try++ {
		if err := c.lookAtFlag(ctx, &v); err != nil {
			return v, err
		}
		if !v.Drifted() || try == tries {
			return v, nil
		}
		seen := v.State.Version
		if v.State, err = c.load(ctx); err != nil || v.State.Version == seen {
			return v, err
		}
	}
}

// load reads the record; a lax controller gives it up when it cannot.
func (c *Controller) load(ctx context.Context) (State, error) {
	if c.Record == nil {
		return State{Flag: c.Flag}, nil
	}
	limited := ctx
	if c.Lax {
		one, cancel := context.WithTimeout(ctx, recordPatience)
		defer cancel()
		limited = one
	}
	s, err := c.Record.Load(limited, c.Flag)
	if err != nil && c.goOn(ctx, err) {
		return State{Flag: c.Flag}, nil
	}
	return s, err
}

// goOn gives the record up where that is allowed.
func (c *Controller) goOn(ctx context.Context, err error) bool {
	if !c.Lax || ctx.Err() != nil {
		return false
	}
	c.Record, c.RecordErr = nil, err
	return true
}

func (c *Controller) lookAtFlag(ctx context.Context, v *View) error {
	flags, err := c.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("the flag cannot be read from %s: %w", c.Store, err)
	}
	f, ok := flags[c.Flag]
	if !ok {
		f = featureflag.Flag{Key: c.Flag}
	}
	v.Flag = f
	return nil
}

// settle records what became of a change that was begun.
func (c *Controller) settle(ctx context.Context, v View) (View, error) {
	p := *v.State.Pending
	begun := fmt.Sprintf("%s began to set %s → %s at %s and did not come to record it", p.By, p.From, p.To, stamp(p.At))
	next, e := v.State, p.event()
	switch actual := v.Actual(); {
	case actual.Same(p.To):
		next = next.settled(p)
		e.Text = "recorded by " + c.By + ", who found it done"
		v.Note = begun + "; it is done, and recorded now"
	default:
		next.Pending = nil
		e.Text, e.To = "not done: "+c.By+" found the flag at "+actual.String(), &actual
		v.Note = begun + "; it is not done"
	}
	saved, err := c.Record.Save(ctx, next, c.By, e)
	var changed *ChangedError
	switch {
	case errors.As(err, &changed): // somebody else has put it in order
		return c.lookAtBoth(ctx)
	case err != nil:
		return v, err
	}
	v.State = saved
	return v, err
}

// Done is a change that was made.
type Done struct {
	Change Change
	Flag   featureflag.Flag
	// Wrote is how long it took until the store had it.
	Wrote    time.Duration
	Followed instances.Followed
	// Recorded, Applied and Asked are why it could not be recorded, why services could
	// not be made to read it again, and why nobody could be asked; nil where all is well.
	Recorded, Applied, Asked error
}

// Complete reports whether every instance follows.
func (d Done) Complete() bool {
	return d.Applied == nil && d.Asked == nil && len(d.Followed.Behind) == 0
}

// BusyError says that another change is under way.
type BusyError struct{ Change Change }

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is setting %s → %s just now (since %s)", e.Change.By, e.Change.From, e.Change.To, stamp(e.Change.At))
}

// Do makes the change that was decided on v: it notes the intent, writes the store,
// records it as done and waits for the instances. A change to more is refused when
// anything is no longer as it was seen; one to less is made against everybody, and takes
// nothing back of what others lowered further: Done.Change says what was made. progress
// is told how many instances follow.
func (c *Controller) Do(ctx context.Context, v View, change Change, progress func(follow, of int)) (Done, error) {
	change.At, change.By, change.Host, change.Run, change.From = c.Now().UTC(), c.By, c.Host, c.Run, v.Actual()
	d := Done{Change: change}
	if _, err := change.To.Flag(c.Flag); err != nil {
		return d, err
	}
	intended, err := c.intend(ctx, v.State, change)
	if err != nil {
		if !change.Less() {
			return d, err
		}
		d.Recorded = err
	}
	started := time.Now()
	d.Flag, err = c.write(ctx, v.Flag, &change)
	d.Wrote = time.Since(started)
	d.Change = change
	if err != nil {
		if d.Flag, err = c.afterFailure(ctx, intended, d.Flag, change, err); err != nil {
			return d, err
		}
	}
	if err := c.recordDone(ctx, change); err != nil {
		d.Recorded = err
	} else {
		d.Recorded = nil
	}
	if c.Apply != nil {
		d.Applied = c.Apply(ctx)
	}
	d.Followed, d.Asked = c.Instances.Follow(ctx, d.Flag, c.Timeout, progress)
	d.Followed.Took += d.Wrote
	return d, ctx.Err()
}

// intend notes what is about to be done, so that whoever comes after a kill knows.
func (c *Controller) intend(ctx context.Context, s State, change Change) (State, error) {
	if c.Record == nil {
		return s, c.RecordErr
	}
	less := change.Less()
	if !less {
		if s.Pending != nil {
			return s, &BusyError{Change: *s.Pending}
		}
		s.Pending = &change
		return c.Record.Save(ctx, s, c.By)
	}
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	var err error
	for range tries {
		var events []Event
		if p := s.Pending; p != nil { // it may be done, or yet be done: whoever began it records that
			e := p.event()
			e.Text = "begun; before it was recorded, " + c.By + " went over it"
			events = append(events, e)
		}
		s.Pending = &change
		var saved State
		if saved, err = c.Record.Save(ctx, s, c.By, events...); !errors.As(err, new(*ChangedError)) {
			return saved, err
		}
		if s, err = c.Record.Load(ctx, c.Flag); err != nil {
			return s, err
		}
	}
	return s, err
}

// write writes the store. Less is written over whatever others wrote meanwhile, unless
// that is even less.
func (c *Controller) write(ctx context.Context, seen featureflag.Flag, change *Change) (featureflag.Flag, error) {
	less := change.Less()
	for try := 1; ; try++ {
		f, err := change.To.Flag(c.Flag)
		if err != nil {
			return f, err
		}
		written, err := c.Store.Write(ctx, featureflag.Change{Flag: f, Expect: seen.Version, By: c.By})
		var conflict *featureflag.Conflict
		if !errors.As(err, &conflict) || !less || try == tries {
			return written, err
		}
		actual := ExposureOf(conflict.Have)
		to := change.To
		if to.MoreThan(actual) {
			to = to.Within(actual)
		}
		switch {
		case change.To.Same(actual): // somebody else did just that
			return conflict.Have, nil
		case change.To.MoreThan(actual) && !actual.MoreThan(to): // somebody else went further
			return conflict.Have, err
		}
		seen, change.From, change.To = conflict.Have, actual, to
	}
}

// afterFailure finds out what became of a write that failed: a connection may be lost
// after the store has it. Done all the same, there is no error; not done, the intent is
// taken back; not known, it stays, and the next look settles it.
func (c *Controller) afterFailure(ctx context.Context, intended State, have featureflag.Flag, change Change, failed error) (featureflag.Flag, error) {
	if errors.As(failed, new(*featureflag.Conflict)) {
		c.giveUp(ctx, intended)
		return have, failed
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	var v View
	if err := c.lookAtFlag(limited, &v); err != nil {
		return have, fmt.Errorf("%w; whether it was written is not known", failed)
	}
	if v.Actual().Same(change.To) && !change.From.Same(change.To) {
		return v.Flag, nil
	}
	c.giveUp(ctx, intended)
	return have, failed
}

// giveUp takes the note of an intent away that came to nothing. Whoever comes next does
// so otherwise.
func (c *Controller) giveUp(ctx context.Context, intended State) {
	if c.Record == nil || intended.Pending == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	for range tries {
		intended.Pending = nil
		_, err := c.Record.Save(limited, intended, c.By)
		if !errors.As(err, new(*ChangedError)) {
			return
		}
		mine := intended.Flag
		if intended, err = c.Record.Load(limited, mine); err != nil || !c.mine(intended.Pending) {
			return // somebody has gone over it
		}
	}
}

// mine reports whether the change under way is one of this run.
func (c *Controller) mine(p *Change) bool {
	return p != nil && p.Run == c.Run && p.By == c.By && p.Host == c.Host
}

// recordDone records the change as done on whatever the state is by now.
func (c *Controller) recordDone(ctx context.Context, change Change) error {
	if c.Record == nil {
		return c.RecordErr
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	var err error
	for range tries {
		var s State
		if s, err = c.Record.Load(limited, c.Flag); err != nil {
			return err
		}
		next, e := s.settled(change), change.event()
		if !c.mine(s.Pending) { // somebody has gone over it, or put it in order
			next.Pending = s.Pending
			var v View
			if err = c.lookAtFlag(limited, &v); err != nil {
				return err
			}
			if actual := v.Actual(); !actual.Same(change.To) {
				next, e.Text = s, "done, and changed again since: the flag was found at "+actual.String()
			}
		}
		_, err = c.Record.Save(limited, next, c.By, e)
		if !errors.As(err, new(*ChangedError)) {
			return err
		}
	}
	return err
}

// Update changes the state alone, with an event: a pause, a sign-off.
func (c *Controller) Update(ctx context.Context, s State, e Event) (State, error) {
	if c.Record == nil {
		return s, c.RecordErr
	}
	e.At, e.By, e.Host, e.Run = c.Now().UTC(), c.By, c.Host, c.Run
	if e.Phase == "" {
		e.Phase = s.Phase
	}
	return c.Record.Save(ctx, s, c.By, e)
}
