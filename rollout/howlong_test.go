package rollout

import (
	"context"
	"testing"
	"time"
)

// How long a change took is told to people who wait for a feature to be off: all of it
// counts, also the services' start, where the file they read at their start is the store.
func TestHowLongAChangeTookHoldsAllOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	c.Instances = w.instance()
	var applied time.Duration
	c.Apply = func(ctx context.Context) error {
		started := time.Now()
		for range 20 { // as slow as twenty looks at the database are
			if _, err := c.Store.Load(ctx); err != nil {
				return err
			}
		}
		applied = time.Since(started)
		return nil
	}
	before := time.Now()
	d := w.sets(c, percent(10), "10%")
	all := time.Since(before)
	if took := d.Followed.Took; took < d.Wrote+applied || took > all {
		t.Errorf("took %s, of which writing %s and applying %s; the whole change took %s", took, d.Wrote, applied, all)
	}
}
