package metrics

import (
	"context"
	"sync"
	"time"
)

// Remembering asks each question once and gives the same answer again: for as long as
// one look at many things takes. An error is not remembered. It does not close the
// source, and is for several goroutines.
type Remembering struct {
	Source

	mu    sync.Mutex
	asked map[question]*answered
}

type question struct {
	expr     string
	from, to int64 // Unix nanoseconds; from is 0 of an instant
}

type answered struct {
	mu     sync.Mutex
	known  bool
	series []Series
}

// Remember remembers the source's answers.
func Remember(source Source) *Remembering {
	return &Remembering{Source: source, asked: map[question]*answered{}}
}

// Range implements Source.
func (r *Remembering) Range(ctx context.Context, selector string, from, to time.Time) ([]Series, error) {
	return r.ask(question{selector, from.UnixNano(), to.UnixNano()}, func() ([]Series, error) {
		return r.Source.Range(ctx, selector, from, to)
	})
}

// Instant implements Source.
func (r *Remembering) Instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	return r.ask(question{expr, 0, at.UnixNano()}, func() ([]Series, error) { return r.Source.Instant(ctx, expr, at) })
}

// Close does nothing: the source is another's.
func (r *Remembering) Close() error { return nil }

func (r *Remembering) ask(q question, source func() ([]Series, error)) ([]Series, error) {
	r.mu.Lock()
	a := r.asked[q]
	if a == nil {
		a = &answered{}
		r.asked[q] = a
	}
	r.mu.Unlock()
	a.mu.Lock() // whoever asks the same meanwhile waits for the answer
	defer a.mu.Unlock()
	if a.known {
		return a.series, nil
	}
	series, err := source()
	a.known, a.series = err == nil, series
	return series, err
}
