package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

// key is the flag that is changed.
const key = "twitch_moderation"

// patience is how long a change may take before something is wrong.
const patience = 30 * time.Second

// arrival is when an instance has come to decide by a version.
type arrival struct {
	instance int
	version  int64
	at       time.Time
}

// times are how long each change took: to each instance, and to the last of them.
type times struct{ each, last []time.Duration }

// fanOut makes changes to a store, one after the other, and takes the time until
// every instance decides by each. open is the store as one more instance opens it.
func fanOut(ctx context.Context, writer featureflag.Writer, open func() featureflag.Store, s settings) (times, error) {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	arrivals := make(chan arrival, 16*s.instances)
	for i := range s.instances {
		live := featureflag.NewLive(open())
		if err := live.Start(ctx); err != nil {
			return times{}, err
		}
		live.OnChange(func() {
			at := time.Now()
			for _, f := range live.Status().Flags {
				if f.Key == key {
					select {
					case arrivals <- arrival{i, f.Version, at}:
					case <-ctx.Done():
					}
				}
			}
		})
		following.Go(func() { live.Run(ctx) })
	}
	have, err := writer.Load(ctx)
	if err != nil {
		return times{}, err
	}
	current := have[key]
	// All follow once each has reported the state it begins with.
	if _, err := collect(ctx, arrivals, current.Version, s.instances, time.Time{}); err != nil {
		return times{}, err
	}
	var took times
	for range s.rounds {
		next, err := featureflag.New(key, true, featureflag.Everybody-current.Percentage, nil)
		if err != nil {
			return times{}, err
		}
		begun := time.Now()
		if current, err = writer.Write(ctx, featureflag.Change{Flag: next, Expect: current.Version, By: "flagbench"}); err != nil {
			return times{}, err
		}
		delays, err := collect(ctx, arrivals, current.Version, s.instances, begun)
		if err != nil {
			return times{}, err
		}
		took.each = append(took.each, delays...)
		took.last = append(took.last, delays[len(delays)-1])
	}
	return took, nil
}

// collect waits until all instances decide by the version; the delays are
// sorted, that of the last one last.
func collect(ctx context.Context, arrivals <-chan arrival, version int64, instances int, begun time.Time) ([]time.Duration, error) {
	tooLong := time.NewTimer(patience)
	defer tooLong.Stop()
	seen := make(map[int]bool, instances)
	var delays []time.Duration
	for len(seen) < instances {
		select {
		case a := <-arrivals:
			if a.version == version && !seen[a.instance] && a.at.After(begun) {
				seen[a.instance] = true
				delays = append(delays, a.at.Sub(begun))
			}
		case <-tooLong.C:
			return nil, fmt.Errorf("after %s only %d of %d instances have the change", patience, len(seen), instances)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	slices.Sort(delays)
	return delays, nil
}
