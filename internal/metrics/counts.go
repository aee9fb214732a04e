package metrics

import (
	"context"
	"time"
)

// Bucket is one bucket of a histogram over a window.
type Bucket struct {
	LE    float64 // the upper bound, included; +Inf for the last
	Count int64   // observations at or below it
}

// Increase is by how much a counter grew after from.
func Increase(s Series, from time.Time) (n int64, ok bool) {
	return 0, false
}

// Counts is what all series of the selector counted in (from, to].
func Counts(ctx context.Context, source Source, selector string, from, to time.Time) (int64, error) {
	return 0, ErrNoData
}

// Buckets is what a histogram observed in (from, to], by upper bound, summed over
// its series.
func Buckets(ctx context.Context, source Source, selector string, from, to time.Time) ([]Bucket, error) {
	return nil, ErrNoData
}
