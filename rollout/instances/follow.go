package instances

import (
	"context"
	"errors"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Between two rounds of asking.
const (
	firstPause = 10 * time.Millisecond
	mostPause  = 500 * time.Millisecond
)

// Followed is how a change arrived.
type Followed struct {
	// Took is from the call to the answer of the last instance that follows.
	Took time.Duration `json:"took_ns"`
	// Instances are all, as they were seen last.
	Instances []View `json:"instances"`
	// Behind are those that do not follow.
	Behind []View `json:"behind,omitempty"`
}

// errNobody is that places were stated, and nobody is there.
var errNobody = errors.New("no instance is running where they are said to be")

// Follow asks all instances until each sees the flag as it was set; no round begins when
// the timeout is over. progress is told how many of how many do. Those that do not are
// Behind; the error is that nobody could be found to ask.
func (c Client) Follow(ctx context.Context, f featureflag.Flag, timeout time.Duration, progress func(follow, of int)) (Followed, error) {
	started := time.Now()
	over := time.NewTimer(timeout)
	defer over.Stop()
	var result Followed
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		// A round is not cut off by the timeout: that would make everybody late.
		views, err := c.Ask(ctx, f.Key)
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if err == nil && len(views) == 0 && len(c.Places.URLs) > 0 {
			err = errNobody
		}
		if err == nil {
			result.Instances, result.Behind = views, nil
			for _, v := range views {
				if !v.Sees(f) {
					result.Behind = append(result.Behind, v.Against(f))
				}
			}
		}
		result.Took = time.Since(started)
		if err == nil && progress != nil {
			progress(len(views)-len(result.Behind), len(views))
		}
		if err == nil && len(result.Behind) == 0 {
			return result, nil
		}
		select {
		case <-ctx.Done():
			return result, ctx.Err()
		case <-over.C:
			return result, err
		case <-time.After(min(pause, max(timeout-time.Since(started), 0))):
		}
		if time.Since(started) >= timeout {
			return result, err
		}
	}
}
