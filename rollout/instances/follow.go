package instances

import (
	"context"
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

// Sees reports whether the instance sees the flag as it was set.
func (v View) Sees(f featureflag.Flag) bool {
	if !v.Known {
		return !f.Enabled && v.Problem == "it does not know the flag" // off for everybody
	}
	return v.Enabled == f.Enabled && v.Percentage == f.Percentage && v.Users == len(f.Users())
}

// Follow asks all instances until each sees the flag as it was set, at most for the
// timeout; progress is told how many of how many do. Those that do not are Behind; the
// error is that nobody could be found to ask.
func (c Client) Follow(ctx context.Context, f featureflag.Flag, timeout time.Duration, progress func(follow, of int)) (Followed, error) {
	started := time.Now()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var result Followed
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		views, err := c.Ask(limited, f.Key)
		if len(views) > 0 || limited.Err() == nil {
			result.Instances, result.Behind = views, nil
			for _, v := range views {
				if !v.Sees(f) {
					result.Behind = append(result.Behind, v)
				}
			}
			result.Took = time.Since(started)
			if progress != nil {
				progress(len(views)-len(result.Behind), len(views))
			}
			if err == nil && len(result.Behind) == 0 {
				return result, nil
			}
		}
		select {
		case <-time.After(pause):
		case <-limited.Done():
			if ctx.Err() != nil {
				return result, ctx.Err()
			}
			if len(result.Instances) == 0 {
				return result, err
			}
			return result, nil
		}
	}
}
