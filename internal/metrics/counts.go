package metrics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// lookBack is how far before a window the sample is looked for from which its
// counting begins: as far as PromQL looks, so that a scrape may fail several times.
const lookBack = 5 * time.Minute

// BadSample says that a sample cannot be a count: NaN, infinite, negative, or no
// whole number; or that a histogram's bucket counted less than one within it. What
// is true is not known then.
type BadSample struct {
	Labels Labels
	Point  Point
	What   string // what is wrong with it
}

func (e *BadSample) Error() string {
	return fmt.Sprintf("%s was %v at %s: %s", plain(e.Labels.String(), 300), e.Point.Value, e.Point.At.UTC().Format(time.RFC3339), e.What)
}

// Increase is by how much a counter grew after from. It counts from the last
// point at or before from; a series without one counts from its first point. A
// value lower than the one before it is a restart, which began at zero. It is not
// ok when there is no point after from, no second point to compare with, or one
// that cannot be a count.
func Increase(s Series, from time.Time) (n int64, ok bool) {
	n, ok, err := increase(s, from, counting{})
	return n, ok && err == nil
}

// counting is what is known of a series beside its points.
type counting struct {
	fromZero bool        // without a point at or before from, it began at zero after it
	resets   []time.Time // samples from then on are of another process than those before; in order
}

// resetBetween reports whether the process became another after one sample and by
// the time of the next.
func (c counting) resetBetween(one, next time.Time) bool {
	i, _ := slices.BinarySearchFunc(c.resets, one, func(r, t time.Time) int {
		if r.After(t) {
			return 1
		}
		return -1
	})
	return i < len(c.resets) && !c.resets[i].After(next)
}

func increase(s Series, from time.Time, c counting) (n int64, ok bool, err error) {
	last, have := 0.0, c.fromZero
	for i, p := range s.Points {
		// Before from only the last point matters, but a bad one there is no less odd.
		if !isCount(p.Value) {
			return 0, false, &BadSample{Labels: s.Labels, Point: p, What: "that is not a count"}
		}
		switch {
		case !p.At.After(from):
			last, have = p.Value, true
			continue
		case !have:
			have = true // the first point there is; what it has counted so far is not of this window
		case p.Value < last || i > 0 && c.resetBetween(s.Points[i-1].At, p.At):
			n, ok = n+int64(p.Value), true
		default:
			n, ok = n+int64(p.Value-last), true
		}
		last = p.Value
	}
	return n, ok, nil
}

// isCount reports whether a float is a whole number that it holds exactly.
func isCount(v float64) bool {
	const exact = 1 << 53
	return v >= 0 && v <= exact && v == math.Trunc(v)
}

// Counts is what all series of the selector counted in (from, to]. The error is
// ErrNoData when none has samples enough, *BadSample when one is not a count, or
// the source's.
//
// A series that appears within the window counts from zero when its process can
// be known to have begun it there (see newcomers), else from its first sample: a
// server that has only now begun to be scraped does not count its whole life.
func Counts(ctx context.Context, source Source, selector string, from, to time.Time) (int64, error) {
	all, known, err := window(ctx, source, selector, from, to)
	if err != nil {
		return 0, err
	}
	sum, some := int64(0), false
	for i, s := range all {
		n, ok, err := increase(s, from, known[i])
		if err != nil {
			return 0, err
		}
		sum, some = sum+n, some || ok
	}
	if !some {
		return 0, noData(selector, from, to)
	}
	return sum, nil
}

// window reads what is needed to count in (from, to], and what is known of each
// series beside its samples.
func window(ctx context.Context, source Source, selector string, from, to time.Time) ([]Series, []counting, error) {
	all, err := source.Range(ctx, selector, from.Add(-lookBack), to)
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	instances := map[string]bool{}
	for _, s := range all {
		// Without the label nothing tells one server from another.
		if name := s.Labels["instance"]; name != "" {
			instances[name] = true
		}
	}
	known := make([]counting, len(all))
	if len(instances) == 0 {
		return all, known, nil
	}
	among := matching("instance", instances)
	starts, err := source.Range(ctx, "process_start_time_seconds{"+among+"}", from.Add(-lookBack), to)
	if err != nil {
		return nil, nil, err
	}
	restarted := restarts(starts)
	zero, err := newcomers(ctx, source, all, starts, from)
	if err != nil {
		return nil, nil, err
	}
	for i, s := range all {
		known[i] = counting{fromZero: zero[i], resets: restarted[instanceOf(s.Labels)]}
	}
	return all, known, nil
}

func noData(selector string, from, to time.Time) error {
	return fmt.Errorf("%w for %s between %s and %s", ErrNoData, quoted(selector),
		from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
}
