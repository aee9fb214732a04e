package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/clipper/clipperops/internal/metrics/expression"
)

// prometheus asks a server.
type prometheus struct {
	api     v1.API
	where   string
	timeout time.Duration
	secrets *credentials
	client  *http.Client
}

// OpenPrometheus is a Prometheus server as a source. Nothing is asked yet; what is
// wrong with the options is told now.
func OpenPrometheus(o Options) (Source, error) {
	address, err := parseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	secrets, err := newCredentials(&o, address)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	client := &http.Client{Transport: &authenticated{next: transport, to: address, secrets: secrets}, CheckRedirect: refuseRedirect}
	inner, err := api.NewClient(api.Config{Address: address.String(), Client: client})
	if err != nil {
		return nil, err
	}
	p := &prometheus{where: "Prometheus at " + address.String(), timeout: o.Timeout, secrets: secrets, client: client}
	p.api = v1.NewAPI(&judging{Client: inner, source: p})
	return p, nil
}

func (p *prometheus) String() string { return p.where }

func (p *prometheus) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

// Range implements Source.
func (p *prometheus) Range(ctx context.Context, selector string, from, to time.Time) ([]Series, error) {
	expr, err := rangeSelector(selector, from, to)
	if err != nil {
		return nil, &BadQuery{Where: p.where, Query: selector, What: err.Error()}
	}
	value, warnings, err := p.query(ctx, expr, to)
	if err != nil {
		return nil, err
	}
	if len(warnings) > 0 {
		return nil, p.partial(warnings[0])
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, p.unavailable("it answered a range of samples with something else; is this address a Prometheus?", nil)
	}
	return p.matrix(matrix, selector, from, to)
}

// matrix takes over the samples in (from, to].
func (p *prometheus) matrix(matrix model.Matrix, selector string, from, to time.Time) ([]Series, error) {
	var all []Series
	for _, stream := range matrix {
		if stream == nil {
			return nil, p.unavailable(oddAnswer, nil)
		}
		if len(stream.Histograms) > 0 {
			return nil, &BadQuery{Where: p.where, Query: selector, What: nativeHistogram}
		}
		s := Series{Labels: labelsOf(stream.Metric)}
		previous := model.Earliest
		for _, v := range stream.Values {
			if v.Timestamp <= previous {
				return nil, p.unavailable("its samples are not in the order of time; is this address a Prometheus?", nil)
			}
			previous = v.Timestamp
			// Prometheus before 3 includes the sample at the very beginning.
			if at := v.Timestamp.Time(); at.After(from) && !at.After(to) {
				s.Points = append(s.Points, Point{At: at, Value: float64(v.Value)})
			}
		}
		if len(s.Points) > 0 {
			all = append(all, s)
		}
	}
	return all, nil
}

// nativeHistogram is what is said of samples that are histograms themselves.
const nativeHistogram = "it is a native histogram; select the _bucket series of a classic one"

// oddAnswer is said of what has the form of an answer and is none.
const oddAnswer = "its answer has holes; is this address a Prometheus?"

// Instant implements Source.
func (p *prometheus) Instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	// The client cannot read an answer that is a text. Otherwise it is the server
	// that knows what is right: it may speak a dialect.
	if parsed, err := expression.PromQL.ParseExpr(expr); err == nil && parsed.Type() == parser.ValueTypeString {
		return nil, &BadQuery{Where: p.where, Query: expr, What: "it gives neither a value nor values by label, but a string"}
	}
	value, warnings, err := p.query(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		// What the engine thinks of the expression is advice; the rest is about
		// samples that are missing.
		if !strings.HasPrefix(w, "PromQL ") {
			return nil, p.partial(w)
		}
	}
	switch v := value.(type) {
	case model.Vector:
		var all []Series
		for _, sample := range v {
			if sample == nil {
				return nil, p.unavailable(oddAnswer, nil)
			}
			if sample.Histogram != nil {
				return nil, &BadQuery{Where: p.where, Query: expr, What: nativeHistogram}
			}
			all = append(all, Series{Labels: labelsOf(sample.Metric), Points: []Point{{At: sample.Timestamp.Time(), Value: float64(sample.Value)}}})
		}
		return all, nil
	case *model.Scalar:
		if v == nil {
			return nil, p.unavailable(oddAnswer, nil)
		}
		return []Series{{Labels: Labels{}, Points: []Point{{At: v.Timestamp.Time(), Value: float64(v.Value)}}}}, nil
	default:
		return nil, &BadQuery{Where: p.where, Query: expr, What: "it gives neither a value nor values by label, but a " + value.Type().String()}
	}
}

// query asks, for no longer than the timeout, and names what went wrong.
func (p *prometheus) query(ctx context.Context, expr string, at time.Time) (model.Value, v1.Warnings, error) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	value, warnings, _, err := p.api.Query(limited, expr, at.Truncate(time.Millisecond), v1.WithTimeout(p.timeout))
	switch {
	case err == nil && value == nil:
		return nil, nil, p.unavailable("its answer holds no result; is this address a Prometheus?", nil)
	case err == nil:
		return value, warnings, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	default:
		return nil, nil, p.failure(err, expr)
	}
}

// failure tells a wrong expression from a server that does not answer.
func (p *prometheus) failure(err error, expr string) error {
	var told *Unavailable
	if errors.As(err, &told) {
		return told
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return p.unavailable(fmt.Sprintf("no answer within %s; is it overloaded, or the address wrong?", p.timeout), context.DeadlineExceeded)
	}
	var answer *v1.Error
	if errors.As(err, &answer) {
		switch answer.Type {
		case v1.ErrBadData, v1.ErrExec:
			return &BadQuery{Where: p.where, Query: expr, What: p.words(answer.Msg)}
		case v1.ErrBadResponse:
			return p.unavailable("its answer is not Prometheus's ("+p.words(answer.Msg)+"); is the address right, with its path?", nil)
		default:
			return p.unavailable("it could not answer: "+p.words(answer.Msg), nil)
		}
	}
	return p.unavailable("it cannot be reached: "+p.words(withoutAddress(err).Error()), nil)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func (p *prometheus) unavailable(what string, err error) *Unavailable {
	return &Unavailable{Where: p.where, What: what, Err: err}
}

func (p *prometheus) partial(warning string) *Unavailable {
	return p.unavailable("its answer may be incomplete: "+p.words(warning), nil)
}

// words are a server's own, made fit to be shown: one may echo what it was sent.
func (p *prometheus) words(s string) string { return plain(p.secrets.hide(s), 300) }

func labelsOf(metric model.Metric) Labels {
	l := make(Labels, len(metric))
	for name, value := range metric {
		l[string(name)] = string(value)
	}
	return l
}
