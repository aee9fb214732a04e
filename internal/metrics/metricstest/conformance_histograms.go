package metricstest

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// observed is a histogram's exposition: how many at or below 0.1, 0.3 and in all.
func observed(tenth, third, all float64) map[string]float64 {
	return map[string]float64{
		`h_bucket{le="0.1"}`: tenth, `h_bucket{le="0.3"}`: third, `h_bucket{le="1"}`: all, `h_bucket{le="+Inf"}`: all,
		"h_count": all, "h_sum": all / 4,
	}
}

func wantBuckets(t *testing.T, w World, selector string, from time.Time, counts ...int64) {
	t.Helper()
	buckets, err := metrics.Buckets(t.Context(), w.Source, selector, from, time.Now())
	if err != nil {
		t.Error(err)
		return
	}
	var want []metrics.Bucket
	for i, le := range []float64{0.1, 0.3, 1, math.Inf(1)} {
		want = append(want, metrics.Bucket{LE: le, Count: counts[i]})
	}
	if fmt.Sprint(buckets) != fmt.Sprint(want) {
		t.Errorf("the buckets are %v, want %v", buckets, want)
	}
}

func testHistogram(t *testing.T, w World) {
	a, b := w.Target(t), w.Target(t)
	a.Start(longAgo(), observed(10, 20, 30))
	b.Start(longAgo(), observed(0, 0, 0))
	await(t, w, sel("h_count", a), 30)
	await(t, w, sel("h_count", b), 0)
	from := begin(t, w, a, b)
	a.Set(observed(15, 28, 40))
	b.Set(observed(1, 1, 2))
	await(t, w, sel("h_count", a, b), 42)
	wantBuckets(t, w, sel("h_bucket", a, b), from, 6, 9, 12, 12)
	_, err := metrics.Buckets(t.Context(), w.Source, sel(`h_bucket{le="0.1"}`, a), from, time.Now())
	if wrong := (*metrics.BadQuery)(nil); !errors.As(err, &wrong) {
		t.Errorf("buckets without +Inf: %v", err)
	}
	_, err = metrics.Buckets(t.Context(), w.Source, sel(`h_count`, a), from, time.Now())
	if wrong := (*metrics.BadQuery)(nil); !errors.As(err, &wrong) {
		t.Errorf("buckets of what has none: %v", err)
	}
}

// The narrowest bucket has more after the restart than before it: it is the wider
// ones that tell of it.
func testHistogramRestart(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), observed(2, 10, 30))
	await(t, w, sel("h_count", a), 30)
	from := begin(t, w, a)
	a.Start(time.Now(), observed(5, 6, 7))
	await(t, w, sel("h_count", a), 7)
	wantBuckets(t, w, sel("h_bucket", a), from, 5, 6, 7, 7)
}
