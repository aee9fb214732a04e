package rollout

import "context"

// That people were told of a rollback is kept in the record. A watch that was killed
// between the two leaves it untold, and the next one tells it: twice is better than never.

// Is reports whether both are one change: made by the same run, at the same moment.
func (c Change) Is(other Change) bool {
	return c.At.Equal(other.At) && c.By == other.By && c.Host == other.Host && c.Run == other.Run
}

// untold is the rollback that people are still to be told of: nobody has gone on since.
func (s State) untold() (Change, bool) {
	if s.Untold == nil || s.Halted == nil {
		return Change{}, false
	}
	return *s.Untold, true
}

// tell has people told of a rollback.
func (w *Watcher) tell(ctx context.Context, r Report) {
	if w.Tell != nil {
		w.telling, w.told = r.Done.Change, w.Tell(context.WithoutCancel(ctx), r)
	}
}

// tellLeft tells of a rollback that was made, by whomever, and not told.
func (w *Watcher) tellLeft(ctx context.Context, r Report) {
	if change, left := r.View.State.untold(); left {
		r.Found, r.Fired, r.Done = true, change.Rule, &Done{Change: change, Flag: r.View.Flag}
		w.tell(ctx, r)
	}
}

// keepTold waits until people were told, or until that is over, and keeps it. What cannot be
// kept is tried again with the next tick.
func (w *Watcher) keepTold(ctx context.Context, r *Report, until <-chan struct{}) {
	if w.told == nil {
		return
	}
	select {
	case <-w.told:
	case <-until:
	}
	if err := w.KeepTold(ctx); err != nil {
		r.Problems = append(r.Problems, "that people were told of the rollback could not be kept: "+err.Error())
	}
}

// KeepTold keeps that people were told of the rollback, if they were by now: a watch that
// ends sends until the very end.
func (w *Watcher) KeepTold(ctx context.Context) error {
	select {
	case <-w.told: // never, while there is nothing to tell
		w.told = nil
		return w.Controller.told(ctx, w.telling)
	default:
		return nil
	}
}

// told takes the mark from the rollback.
func (c *Controller) told(ctx context.Context, change Change) error {
	return c.amend(ctx, func(_ context.Context, s *State) ([]Event, error) {
		if s.Untold == nil || !s.Untold.Is(change) {
			return nil, errAsItIs
		}
		s.Untold = nil
		return nil, nil
	})
}
