package metrics

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/clipper/clipperops/internal/metrics/expression"
)

// evaluator answers PromQL about samples on disk.
type evaluator struct {
	where  string
	engine *promql.Engine
	over   storage.Queryable
}

func newEngine(logger *slog.Logger) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:               logger,
		MaxSamples:           5_000_000, // about 80 MB
		Timeout:              10 * time.Second,
		LookbackDelta:        lookBack, // as Prometheus's own default
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               expression.PromQL,
	})
}

func (s evaluator) samples(ctx context.Context, selector string, from, to time.Time) ([]Series, error) {
	expr, err := rangeSelector(selector, from, to)
	if err != nil {
		return nil, &BadQuery{Where: s.where, Query: selector, What: err.Error()}
	}
	var all []Series
	err = s.evaluate(ctx, expr, to, func(value parser.Value) error {
		matrix, ok := value.(promql.Matrix)
		if !ok {
			return errors.New("it gives no samples")
		}
		for _, found := range matrix {
			if len(found.Histograms) > 0 {
				return errors.New(nativeHistogram)
			}
			one := Series{Labels: labelsFrom(found.Metric)}
			for _, p := range found.Floats {
				if at := time.UnixMilli(p.T); at.After(from) && !at.After(to) {
					one.Points = append(one.Points, Point{At: at, Value: p.F})
				}
			}
			if len(one.Points) > 0 {
				all = append(all, one)
			}
		}
		return nil
	})
	return all, err
}

func (s evaluator) instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	var all []Series
	err := s.evaluate(ctx, expr, at, func(value parser.Value) error {
		switch v := value.(type) {
		case promql.Vector:
			for _, found := range v {
				if found.H != nil {
					return errors.New(nativeHistogram)
				}
				all = append(all, Series{Labels: labelsFrom(found.Metric), Points: []Point{{At: time.UnixMilli(found.T), Value: found.F}}})
			}
			return nil
		case promql.Scalar:
			all = []Series{{Labels: Labels{}, Points: []Point{{At: time.UnixMilli(v.T), Value: v.V}}}}
			return nil
		default:
			return errors.New("it gives neither a value nor values by label, but a " + string(value.Type()))
		}
	})
	return all, err
}

// evaluate runs an expression and hands what it gives to read, which may keep
// nothing of it; an error of read is one of the expression.
func (s evaluator) evaluate(ctx context.Context, expr string, at time.Time, read func(parser.Value) error) error {
	bad := func(err error) error {
		return &BadQuery{Where: s.where, Query: expr, What: plain(expression.MistakeOf(err).Error(), 300)}
	}
	query, err := s.engine.NewInstantQuery(ctx, s.over, nil, expr, at.Truncate(time.Millisecond))
	if err != nil {
		return bad(err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if err := result.Err; err != nil {
		var timeout promql.ErrQueryTimeout
		var storage promql.ErrStorage
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &timeout):
			return &Unavailable{Where: s.where, What: "no answer within 10 s; select fewer series or a shorter window", Err: context.DeadlineExceeded}
		case errors.As(err, &storage):
			return &Unavailable{Where: s.where, What: "the samples cannot be read: " + plain(err.Error(), 300), Err: err}
		}
		return bad(err)
	}
	if err := read(result.Value); err != nil {
		return bad(err)
	}
	return nil
}

func labelsFrom(found labels.Labels) Labels {
	l := Labels{}
	found.Range(func(one labels.Label) { l[one.Name] = one.Value })
	return l
}
