package rollout

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/internal/featureflag"
)

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
// as done, because they were killed, is recorded now as what the store shows; who only reads
// is told.
func (c *Controller) Look(ctx context.Context) (View, error) {
	v, err := c.lookAtBoth(ctx)
	if err == nil {
		c.compareClocks(ctx)
	}
	// A note from the future is of a clock that was set back since.
	if err != nil || v.State.Pending == nil || c.Stamp().Sub(v.State.Pending.At).Abs() < underWay {
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
		if c.Reads {
			v.Note = begun + "; it is done, and the next change records that"
		}
	default:
		next.Pending = nil
		e.Text, e.To = "not done: "+c.By+" found the flag at "+actual.String(), &actual
		v.Note = begun + "; it is not done"
	}
	if c.Reads {
		v.State = next
		return v, nil
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
