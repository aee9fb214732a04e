package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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
	// Reads looks and records nothing.
	Reads bool
	// Apply makes services read the store again; nil where they follow it by themselves.
	Apply func(context.Context) error
	// Instances are those that must follow, Timeout how long they may take.
	Instances instances.Client
	Timeout   time.Duration
	Now       func() time.Time
	// RecordTime is the clock that the record goes by: DatabaseTime; nil for Now.
	RecordTime func(context.Context, *pgx.Conn) (time.Time, error)
	// ahead is how much the record's clock is ahead of Now, in whole seconds: less is not
	// told from the way there.
	ahead time.Duration
	// By is who acts, from Host, in Run.
	By, Host, Run string
}

// Done is a change that was made.
type Done struct {
	Change Change
	Flag   featureflag.Flag
	// Wrote is how long it took until the store had it.
	Wrote    time.Duration
	Followed instances.Followed
	// Waited says that instances were waited for until they followed or the time was over.
	Waited bool
	began  time.Time
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
	d, err := c.set(ctx, v, change)
	if err != nil {
		return d, err
	}
	c.arrive(ctx, &d, progress)
	return d, ctx.Err()
}

// set is the first half of Do: when it is over the change is made, and recorded.
func (c *Controller) set(ctx context.Context, v View, change Change) (Done, error) {
	change.At, change.By, change.Host, change.Run = c.Stamp(), c.By, c.Host, c.Run
	if change.Kind != KindAdopt { // that is told from where the rollout left it
		change.From, change.Drifted = v.Actual(), v.Drifted()
	}
	d := Done{Change: change}
	if _, err := change.To.Flag(c.Flag); err != nil {
		return d, err
	}
	if err := c.intend(ctx, v.State, change); err != nil {
		if !change.overAll() {
			return d, err
		}
		d.Recorded = err
	}
	d.began = time.Now()
	var err error
	d.Flag, err = c.write(ctx, v.Flag, &change)
	d.Wrote = time.Since(d.began)
	d.Change = change
	if err != nil {
		if d.Flag, err = c.afterFailure(ctx, d.Flag, change, err); err != nil {
			return d, err
		}
	}
	if err := c.recordDone(ctx, change); err != nil {
		d.Recorded = err
	} else {
		d.Recorded = nil
	}
	return d, nil
}

// arrive is the second half of Do: services read the store again, and are waited for. It
// leaves the record alone.
func (c *Controller) arrive(ctx context.Context, d *Done, progress func(follow, of int)) {
	if c.Apply != nil {
		d.Applied = c.Apply(ctx)
	}
	before := time.Since(d.began) // the write, the record, and the services' start where they are applied
	d.Followed, d.Asked = c.Instances.Follow(ctx, d.Flag, c.Timeout, progress)
	d.Followed.Took += before
	d.Waited = ctx.Err() == nil
}

// write writes the store. Less is written over whatever others wrote meanwhile, unless
// that is even less.
func (c *Controller) write(ctx context.Context, seen featureflag.Flag, change *Change) (featureflag.Flag, error) {
	less := change.overAll()
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

// Update changes the state alone, with an event: a pause, a sign-off.
func (c *Controller) Update(ctx context.Context, s State, e Event) (State, error) {
	if c.Record == nil {
		return s, c.RecordErr
	}
	e.At, e.By, e.Host, e.Run = c.Stamp(), c.By, c.Host, c.Run
	if e.Phase == "" {
		e.Phase = s.Phase
	}
	return c.Record.Save(ctx, s, c.By, e)
}
