package metrics

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Bucket is one bucket of a histogram over a window.
type Bucket struct {
	LE    float64 // the upper bound, included; +Inf for the last
	Count int64   // observations at or below it: buckets hold those below them too
}

// Buckets is what a classic histogram observed in (from, to], by upper bound,
// ascending and +Inf last, summed over its series. The selector names the
// `_bucket` series, of every bound. Where instances have different bounds, those
// are given that all have: no other sum would be true. Errors are as for Counts.
func Buckets(ctx context.Context, source Source, selector string, from, to time.Time) ([]Bucket, error) {
	all, known, err := window(ctx, source, selector, from, to)
	if err != nil {
		return nil, err
	}
	histograms, err := histogramsOf(source, selector, all, known)
	if err != nil {
		return nil, err
	}
	sums, seen := map[float64]int64{}, 0
	for _, h := range histograms {
		counts, err := h.increase(from)
		if err != nil {
			return nil, err
		}
		if len(counts) == 0 {
			continue
		}
		if seen++; seen == 1 {
			sums = counts
			continue
		}
		maps.DeleteFunc(sums, func(le float64, _ int64) bool { _, both := counts[le]; return !both })
		for le := range sums {
			sums[le] += counts[le]
		}
	}
	if seen == 0 {
		return nil, noData(selector, from, to)
	}
	buckets := make([]Bucket, 0, len(sums))
	for _, le := range slices.Sorted(maps.Keys(sums)) {
		buckets = append(buckets, Bucket{LE: le, Count: sums[le]})
	}
	if !math.IsInf(buckets[len(buckets)-1].LE, 1) {
		return nil, &BadQuery{Where: source.String(), Query: selector, What: "it leaves out the bucket +Inf, which counts all; select every le"}
	}
	return buckets, nil
}

// histogram is the series of one histogram of one instance.
type histogram struct {
	buckets []*bucketSeries // by bound
}

type bucketSeries struct {
	le     float64
	series Series
	known  counting
}

// moments are those of the samples that count: the last at or before from, and all after.
func (b *bucketSeries) moments(from time.Time) map[int64]bool {
	points := b.series.Points
	for len(points) > 1 && !points[1].At.After(from) {
		points = points[1:]
	}
	all := map[int64]bool{}
	for _, p := range points {
		all[p.At.UnixMilli()] = true
	}
	return all
}

// histogramsOf puts the series of each histogram together.
func histogramsOf(source Source, selector string, all []Series, known []counting) (map[string]*histogram, error) {
	found := map[string]*histogram{}
	for i, s := range all {
		le, err := strconv.ParseFloat(s.Labels["le"], 64)
		if err != nil || math.IsNaN(le) {
			return nil, &BadQuery{Where: source.String(), Query: selector, What: fmt.Sprintf("%s is no bucket of a histogram: it has no bound in le", s.Labels)}
		}
		rest := maps.Clone(s.Labels)
		delete(rest, "le")
		h := found[rest.String()]
		if h == nil {
			h = &histogram{}
			found[rest.String()] = h
		}
		h.add(&bucketSeries{le: le, series: s, known: known[i]})
	}
	for _, h := range found {
		slices.SortFunc(h.buckets, func(a, b *bucketSeries) int { return cmp.Compare(a.le, b.le) })
	}
	return found, nil
}

// add puts a series in, or to the one that spells the same bound otherwise:
// Prometheus 3 writes 1.0 where its predecessors wrote 1, in the midst of a window
// when it is upgraded.
func (h *histogram) add(b *bucketSeries) {
	for _, have := range h.buckets {
		if have.le == b.le {
			have.known.fromZero = have.known.fromZero && b.known.fromZero
			have.series.Points = append(slices.Clone(have.series.Points), b.series.Points...)
			slices.SortStableFunc(have.series.Points, func(a, b Point) int { return a.At.Compare(b.At) })
			return
		}
	}
	h.buckets = append(h.buckets, b)
}

// increase is what each bucket counted; nothing when none has samples enough.
func (h *histogram) increase(from time.Time) (map[float64]int64, error) {
	resets := h.resets()
	counts, below := map[float64]int64{}, int64(0)
	for _, b := range h.buckets {
		if h.partly(b, from) {
			continue
		}
		c := b.known
		c.resets = slices.SortedFunc(slices.Values(slices.Concat(c.resets, resets)), time.Time.Compare)
		n, ok, err := increase(b.series, from, c)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if n < below {
			return nil, &BadSample{
				Labels: b.series.Labels, Point: b.series.Points[len(b.series.Points)-1],
				What: "a narrower bucket has counted more",
			}
		}
		counts[b.le], below = n, n
	}
	return counts, nil
}

// partly reports whether only some of the samples that count have the bound: one that a
// release added, or took away, within the window. As little is known of it as of one that
// only some instances have.
func (h *histogram) partly(b *bucketSeries, from time.Time) bool {
	all, some := h.buckets[len(h.buckets)-1].moments(from), b.moments(from)
	if len(some) >= len(all) {
		return false
	}
	for at := range some {
		if !all[at] {
			return false
		}
	}
	return true
}

// resets finds when the histogram began anew. A restarted process soon has more
// in a bucket than the one before it had, and then that bucket does not fall; but
// all of them come from one process, so that one which falls tells for all, as
// does one that grew by more than the wider one around it.
func (h *histogram) resets() []time.Time {
	var found []time.Time
	var narrower map[int64]float64
	for _, b := range h.buckets {
		grew := map[int64]float64{}
		for i, p := range b.series.Points {
			if i == 0 {
				continue
			}
			at := p.At.UnixMilli()
			grew[at] = p.Value - b.series.Points[i-1].Value
			if inner, both := narrower[at]; grew[at] < 0 || both && inner > grew[at] {
				found = append(found, p.At)
			}
		}
		narrower = grew
	}
	return found
}
