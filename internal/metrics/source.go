package metrics

import (
	"context"
	"errors"
	"time"
)

// Labels are a series' labels, its metric's name under "__name__".
type Labels map[string]string

// Point is one sample.
type Point struct {
	At    time.Time
	Value float64
}

// Series is one series with its samples, oldest first.
type Series struct {
	Labels Labels
	Points []Point
}

// Source answers PromQL. Its errors are *Unavailable (nothing is known; ask
// again later), *BadQuery (the expression is wrong; asking again does not help),
// or the context's own.
type Source interface {
	// Range gives the raw samples of the selector, for example
	// `moderation_requests_total{route="/ban"}`, in (from, to]. No series is no error.
	Range(ctx context.Context, selector string, from, to time.Time) ([]Series, error)
	// Instant evaluates any expression at a moment; a scalar is one series without
	// labels. No series is no error.
	Instant(ctx context.Context, expr string, at time.Time) ([]Series, error)
	// String says where it reads, without secrets.
	String() string
	// Close gives up what it holds.
	Close() error
}

// ErrNoData says that there is nothing to count: no series, or none with enough
// samples. A counter that stands at 0 is not that.
var ErrNoData = errors.New("no data")

// Unavailable says that the source gave no answer that can be used. Nothing is
// known: neither that all is well nor that it is not.
type Unavailable struct {
	Where  string // the source, as its String says
	What   string // what happened, with the next step where there is one
	Status int    // the HTTP status; 0 when there was none
	Err    error  // the cause; may be nil
}

func (e *Unavailable) Error() string { return e.Where + ": " + e.What }

func (e *Unavailable) Unwrap() error { return e.Err }

// BadQuery says that the expression is wrong: a mistake in the configuration.
type BadQuery struct {
	Where string // the source, as its String says
	Query string // the expression
	What  string // what is wrong with it, in the source's words
}

func (e *BadQuery) Error() string {
	return e.Where + ": the expression " + quoted(e.Query) + " is wrong: " + e.What
}
