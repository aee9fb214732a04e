package rollout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/rollout/gate"
)

// longestTick is how much time one tick may count at most: what happened while nobody
// watched longer than this is not made one lump of evidence.
const longestTick = 5 * time.Minute

// count counts what happened since the last tick.
func (w *Watcher) count(ctx context.Context, now, clean time.Time, v View) Sample {
	s := Sample{From: now.Add(-w.Every), At: now, Counts: map[string]gate.Tick{}, Exposure: v.Actual()}
	if n := len(w.samples); n > 0 {
		switch last := w.samples[n-1].At; {
		case now.Sub(last) <= longestTick:
			s.From = last
		default:
			s.From = now.Add(-longestTick)
		}
	}
	if s.From.Before(clean) { // what was before has been acted upon
		s.From = clean
	}
	w.countPairs(ctx, &s, clean)
	return s
}

// goesOn is from when on these rules are counted: where the last tick ended of which they
// know something. A Prometheus may scrape less often than the watch looks, or tell of a
// scrape after the look in whose time it was; what one look found nothing of is counted by
// the next that finds something.
func (w *Watcher) goesOn(s *Sample, ids []string, clean time.Time) time.Time {
	earliest, from := s.At.Add(-longestTick), s.From
	if earliest.Before(clean) {
		earliest = clean
	}
	for _, one := range slices.Backward(w.samples) {
		if !one.At.After(earliest) {
			break
		}
		for _, id := range ids {
			if one.Counts[id].Known {
				return one.At
			}
		}
		if from = one.From; from.Before(earliest) {
			from = earliest
		}
	}
	return from
}

// scrapedWithin is how far apart scrapes are that nobody needs to be told of.
const scrapedWithin = time.Minute

// silent reports whether a look found nothing, and so long after the last that did that a
// scrape needs to have been since.
func silent(s Sample) bool {
	if s.Problem != noScrape {
		return false
	}
	for _, t := range s.Counts {
		if s.At.Sub(t.From) > scrapedWithin {
			return true
		}
	}
	return false
}

// silentBefore reports whether the look before this one was silent, whichever watch's it
// was. Once is no news: after a change there need not have been two scrapes to compare.
func (w *Watcher) silentBefore(s Sample) bool {
	for _, one := range slices.Backward(w.samples) {
		if one.At.Before(s.At) {
			return silent(one)
		}
	}
	return false
}

// noScrape is the problem of a look without data.
var noScrape = problemOf(metrics.ErrNoData)

func problemOf(err error) string { return "metrics: " + whyHold(err) }

// graver is of two problems the same one each time; that there is no data only where nothing
// else is wrong.
func graver(one, other string) string {
	switch {
	case one == noScrape && other != "":
		return other
	case other == noScrape && one != "":
		return one
	}
	return max(one, other)
}

// pair is what is counted together; rules often have the same.
type pair struct{ bad, total string }

// atOnce is how many questions are asked at the same time.
const atOnce = 4

// countPairs counts each pair once, several at the same time.
func (w *Watcher) countPairs(ctx context.Context, s *Sample, clean time.Time) {
	src := metrics.Remember(w.Source) // all ask when processes began
	asked := map[pair][]string{}
	if watched := w.Release.Surveillance; watched.Total != "" {
		asked[pair{watched.Bad, watched.Total}] = []string{surveillance}
	}
	for _, rule := range w.Release.Rollback {
		p := pair{rule.Bad, rule.Total}
		asked[p] = append(asked[p], rule.ID)
	}
	w.next = map[pair]seen{}
	var mu sync.Mutex
	var all sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for p, ids := range asked {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			t, known, problem := w.tick(ctx, src, w.goesOn(s, ids, clean), s.At, p, clean)
			mu.Lock()
			defer mu.Unlock()
			w.next[p] = known
			for _, id := range ids {
				s.Counts[id] = t
			}
			s.Problem = graver(s.Problem, problem)
		})
	}
	all.Wait()
}

// tick counts one pair. What cannot be counted is not known, and neither good nor bad.
func (w *Watcher) tick(ctx context.Context, src metrics.Source, from, to time.Time, p pair, clean time.Time) (t gate.Tick, known seen, problem string) {
	t, known = gate.Tick{From: from, At: to}, w.seen[p]
	if !to.After(from) {
		return t, known, ""
	}
	k, n, err := p.count(ctx, src, from, to)
	if err != nil {
		return t, known, problemOf(err)
	}
	if known.at.Equal(from) {
		k, n = known.withLate(ctx, src, p, to, k, n)
	}
	t.Bad, t.Total, t.Known = k, n, true
	return t, look(ctx, src, p, to, clean), ""
}

// errApart says that a share cannot be made of two counts.
var errApart = errors.New("more bad ones were counted than there were at all: bad and total do not belong together")

// count counts the bad ones first: a scrape that arrives between the two questions is then
// one of more in all, not of more bad ones.
func (p pair) count(ctx context.Context, src metrics.Source, from, to time.Time) (bad, total int64, err error) {
	bad, unknown := Among(ctx, src, p.bad, p.total, from, to)
	if total, err = metrics.Counts(ctx, src, p.total, from, to); err == nil {
		err = unknown
	}
	if err == nil && bad > total {
		err = errApart
	}
	return bad, total, err
}
