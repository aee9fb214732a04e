package rollout

import (
	"context"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// seen is what could be counted of a pair in (from, at] when it was asked, at at. A scrape
// has the time of its beginning and is told of when the instance has answered: one under
// way at a look is of before it. An instance that is slow because it is in trouble would
// never be counted beside those that are quick. So the last minute is asked for again, and
// what it has more by then belongs to the next tick.
type seen struct {
	from, at   time.Time
	bad, total int64
}

// toldWithin is how late a scrape may be told of.
const toldWithin = time.Minute

// look is what is known now of the last minute; of no moment where that cannot be asked.
func look(ctx context.Context, src metrics.Source, p pair, now, clean time.Time) seen {
	s := seen{from: now.Add(-toldWithin), at: now}
	if s.from.Before(clean) {
		s.from = clean
	}
	var err error
	if s.bad, s.total, err = p.count(ctx, src, s.from, now); err != nil {
		return seen{}
	}
	return s
}

// withLate is what was counted since, with what was told late. Where that minute has less by
// now than it had, or cannot be asked, it is what was counted alone.
func (s seen) withLate(ctx context.Context, src metrics.Source, p pair, now time.Time, bad, total int64) (withBad, withTotal int64) {
	k, n, err := p.count(ctx, src, s.from, now)
	k, n = k-s.bad, n-s.total
	if err != nil || k < bad || n < total || k > n {
		return bad, total
	}
	return k, n
}
