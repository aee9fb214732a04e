package rollout

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/internal/featureflag"
)

// intend notes what is about to be done, so that whoever comes after a kill knows.
func (c *Controller) intend(ctx context.Context, s State, change Change) error {
	if c.Record == nil {
		return c.RecordErr
	}
	if !change.overAll() {
		if s.Pending != nil {
			return &BusyError{Change: *s.Pending}
		}
		s.Pending = &change
		_, err := c.Record.Save(ctx, s, c.By)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	var err error
	for range tries {
		var events []Event
		if p := s.Pending; p != nil { // it may be done, or yet be done: whoever began it records that
			e := p.event()
			e.Text = "begun; whether it was made is not known here: " + c.By + " went over it before that was recorded"
			events = append(events, e)
		}
		s.Pending = &change
		if _, err = c.Record.Save(ctx, s, c.By, events...); !errors.As(err, new(*ChangedError)) {
			return err
		}
		if s, err = c.Record.Load(ctx, c.Flag); err != nil {
			return err
		}
	}
	return err
}

// ErrOutcomeUnknown says that a write failed, and that the store could not be asked whether
// it has it all the same.
var ErrOutcomeUnknown = errors.New("whether it was written is not known")

// afterFailure finds out what became of a write that failed: a connection may be lost
// after the store has it. Done all the same, there is no error; not done, the intent is
// taken back; not known, it stays, and the next look settles it.
func (c *Controller) afterFailure(ctx context.Context, have featureflag.Flag, change Change, failed error) (featureflag.Flag, error) {
	if errors.As(failed, new(*featureflag.Conflict)) {
		c.giveUp(ctx)
		return have, failed
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	var v View
	if err := c.lookAtFlag(limited, &v); err != nil {
		return have, fmt.Errorf("%w; %w", failed, ErrOutcomeUnknown)
	}
	if v.Actual().Same(change.To) && !change.From.Same(change.To) {
		return v.Flag, nil
	}
	c.giveUp(ctx)
	return have, failed
}

// giveUp takes the note of an intent away that came to nothing. Whoever comes next does
// so otherwise.
func (c *Controller) giveUp(ctx context.Context) {
	_ = c.amend(ctx, func(_ context.Context, s *State) ([]Event, error) {
		if !c.mine(s.Pending) {
			return nil, errAsItIs // there was none, or somebody has gone over it
		}
		s.Pending = nil
		return nil, nil
	})
}

// mine reports whether the change under way is one of this run.
func (c *Controller) mine(p *Change) bool {
	return p != nil && p.Run == c.Run && p.By == c.By && p.Host == c.Host
}

// recordDone records the change as done on whatever the state is by now.
func (c *Controller) recordDone(ctx context.Context, change Change) error {
	return c.amend(ctx, func(ctx context.Context, s *State) ([]Event, error) {
		before, e := *s, change.event()
		*s = before.settled(change)
		if c.mine(before.Pending) {
			return []Event{e}, nil
		}
		s.Pending = before.Pending // somebody has gone over it, or put it in order
		var v View
		if err := c.lookAtFlag(ctx, &v); err != nil {
			return nil, err
		}
		if actual := v.Actual(); !actual.Same(change.To) {
			*s, e.Text = before, "done, and changed again since: the flag was found at "+actual.String()
		}
		return []Event{e}, nil
	})
}

// errAsItIs leaves the state as it is.
var errAsItIs = errors.New("the state is as it should be")

// amend changes the state on whatever it is by now, also when ctx has ended.
func (c *Controller) amend(ctx context.Context, change func(context.Context, *State) ([]Event, error)) error {
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
		events, stop := change(limited, &s)
		if stop != nil {
			if errors.Is(stop, errAsItIs) {
				return nil
			}
			return stop
		}
		if _, err = c.Record.Save(limited, s, c.By, events...); !errors.As(err, new(*ChangedError)) {
			return err
		}
	}
	return err
}
