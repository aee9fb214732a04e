package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// Window is the time that a gate looks at.
type Window struct {
	From, To time.Time
	// Before is where a baseline ends: the rollout's beginning.
	Before time.Time
}

// Measure asks the metrics for one gate. What cannot be asked is a hold that says why.
func Measure(ctx context.Context, src metrics.Source, g release.Gate, alpha float64, w Window) Requirement {
	m := measurement{src: src, gate: g, alpha: alpha, window: w}
	judgements, err := m.judge(ctx)
	r := Requirement{Kind: NeedsGate, ID: g.ID, Title: g.Title, Judgements: judgements}
	if err != nil {
		r.Verdict, r.Words = gate.Hold, whyHold(err)
		if errors.As(err, new(*noBaseline)) {
			r.Command = `rollout advance --force --reason "…"`
		}
		return r
	}
	r.Verdict = gate.Pass
	var words []string
	for _, j := range judgements {
		switch {
		case j.Verdict == gate.Fail:
			r.Verdict = gate.Fail
		case j.Verdict == gate.Hold && r.Verdict == gate.Pass:
			r.Verdict = gate.Hold
		}
		text := j.Words
		if j.Verdict == gate.Hold && j.Reason != "" && !strings.Contains(text, j.Reason) {
			text += ": " + j.Reason
		}
		words = append(words, text)
	}
	r.Words = strings.Join(words, "; ")
	return r
}

// whyHold says why nothing is known.
func whyHold(err error) string {
	var wrong *metrics.BadQuery
	var before *noBaseline
	switch {
	case errors.As(err, &before):
		return before.Error() + ": compare by hand"
	case errors.Is(err, metrics.ErrNoData):
		return "no data: see that instances are scraped, and the metric's name"
	case errors.As(err, &wrong):
		return "the release file asks for something wrong: " + err.Error()
	case errors.Is(err, errApart):
		return err.Error()
	}
	return "cannot be asked: " + err.Error()
}

type measurement struct {
	src    metrics.Source
	gate   release.Gate
	alpha  float64
	window Window
}

func (m measurement) judge(ctx context.Context) ([]gate.Judgement, error) {
	switch m.gate.Kind {
	case release.GateRatio:
		return m.ratio(ctx)
	case release.GateAvailability:
		return m.availability(ctx)
	case release.GateLatency:
		return m.latency(ctx)
	case release.GateBaseline:
		return m.baseline(ctx)
	case release.GateAudit:
		return m.audit(ctx)
	}
	return nil, fmt.Errorf("%q is no kind of gate", m.gate.Kind)
}

// ratio judges all budgets of the gate as one question.
func (m measurement) ratio(ctx context.Context) ([]gate.Judgement, error) {
	total, err := metrics.Counts(ctx, m.src, m.gate.Total, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	var budgets []gate.Budget
	var bad []int64
	for _, b := range m.gate.Budgets {
		share, err := release.ParseShare(b.Below)
		if err != nil {
			return nil, err
		}
		k, err := Among(ctx, m.src, b.Bad, m.gate.Total, m.window.From, m.window.To)
		if err != nil {
			return nil, err
		}
		budgets = append(budgets, gate.Budget{What: b.What, Threshold: share, AtLeast: m.gate.AtLeast})
		bad = append(bad, k)
	}
	var judgements []gate.Judgement
	for i, b := range gate.Together(m.alpha, budgets) {
		judgements = append(judgements, b.Judge(bad[i], total))
	}
	return judgements, nil
}

// Among counts those of a total that are of one kind. Where none of that kind ever
// occurred there is no series of it, and that is 0, as long as both are labels of one
// metric; a metric that is not there at all is ErrNoData.
func Among(ctx context.Context, src metrics.Source, selector, total string, from, to time.Time) (int64, error) {
	n, err := metrics.Counts(ctx, src, selector, from, to)
	if metric := metricOf(selector); errors.Is(err, metrics.ErrNoData) && metric != "" && metric == metricOf(total) {
		return 0, nil
	}
	return n, err
}

// metricOf is the name before the braces, "" where it stands within them.
func metricOf(selector string) string {
	name, _, _ := strings.Cut(selector, "{")
	return strings.TrimSpace(name)
}

func (m measurement) availability(ctx context.Context) ([]gate.Judgement, error) {
	above, err := release.ParseShare(m.gate.Above)
	if err != nil {
		return nil, err
	}
	total, err := metrics.Counts(ctx, m.src, m.gate.Total, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	bad, err := Among(ctx, m.src, m.gate.Bad, m.gate.Total, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	b := gate.Budget{What: "unanswered", Threshold: 1 - above, Alpha: m.alpha, AtLeast: m.gate.AtLeast}
	return []gate.Judgement{b.Judge(bad, total)}, nil
}

func (m measurement) latency(ctx context.Context) ([]gate.Judgement, error) {
	share, err := release.ParseShare(m.gate.Share)
	if err != nil {
		return nil, err
	}
	buckets, err := histogram(ctx, m.src, m.gate.Histogram, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	s := gate.Slow{What: "requests", Bound: m.gate.Bound.Seconds(), Share: share, Alpha: m.alpha, AtLeast: m.gate.AtLeast}
	return []gate.Judgement{s.Judge(buckets)}, nil
}

// noBaseline says that there is nothing to compare with. No waiting mends that.
type noBaseline struct{ window time.Duration }

func (e *noBaseline) Error() string {
	return "no data of the " + length(e.window) + " before the rollout began"
}

func (m measurement) baseline(ctx context.Context) ([]gate.Judgement, error) {
	effect, err := release.ParseShare(m.gate.Effect)
	if err != nil {
		return nil, err
	}
	before, err := histogram(ctx, m.src, m.gate.Histogram, m.window.Before.Add(-m.gate.Window), m.window.Before)
	if errors.Is(err, metrics.ErrNoData) {
		return nil, &noBaseline{m.gate.Window}
	}
	if err != nil {
		return nil, fmt.Errorf("the %s before the rollout began: %w", length(m.gate.Window), err)
	}
	now, err := histogram(ctx, m.src, m.gate.Histogram, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	s := gate.Slower{What: "requests", Alpha: m.alpha, Effect: effect, AtLeast: m.gate.AtLeast}
	return []gate.Judgement{s.Judge(before, now)}, nil
}

func histogram(ctx context.Context, src metrics.Source, selector string, from, to time.Time) ([]gate.Bucket, error) {
	buckets, err := metrics.Buckets(ctx, src, selector, from, to)
	out := make([]gate.Bucket, len(buckets))
	for i, b := range buckets {
		out[i] = gate.Bucket{LE: b.LE, Count: b.Count}
	}
	return out, err
}

// audit asks for a row for every operation, and for none that could not be written.
func (m measurement) audit(ctx context.Context) ([]gate.Judgement, error) {
	operations, err := metrics.Counts(ctx, m.src, m.gate.Total, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	rows, err := metrics.Counts(ctx, m.src, m.gate.Rows, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	lost, err := Among(ctx, m.src, m.gate.Bad, m.gate.Rows, m.window.From, m.window.To)
	if err != nil {
		return nil, err
	}
	missing := max(operations-rows, 0)
	j := gate.Judgement{
		Verdict: gate.Pass, Bad: missing + lost, Total: operations,
		Words: fmt.Sprintf("%d rows for %d operations", rows, operations),
	}
	switch {
	case lost > 0:
		j.Verdict = gate.Fail
		j.Words += fmt.Sprintf("; %d could not be written", lost)
	case missing > 0:
		j.Verdict = gate.Fail
	case operations < max(m.gate.AtLeast, 1):
		j.Verdict, j.Reason = gate.Hold, "too few operations to tell"
	}
	return []gate.Judgement{j}, nil
}

// Judge measures all gates of a phase, and how many operations it has seen.
func Judge(ctx context.Context, src metrics.Source, r *release.Rollout, p release.Phase, w Window) []Requirement {
	alpha, err := release.ParseShare(r.Alpha)
	if err != nil {
		alpha = 0.05
	}
	src = metrics.Remember(src) // several gates look at the same series
	var rs []Requirement
	if p.Samples > 0 {
		rs = append(rs, samples(ctx, src, r, p, w))
	}
	for _, id := range p.Gates {
		if g, ok := r.Gate(id); ok {
			rs = append(rs, Measure(ctx, src, g, alpha, w))
		}
	}
	return rs
}

// longestGuess is beyond which nobody is told a date.
const longestGuess = 365 * 24 * time.Hour

// samples asks for as many operations as the phase has to see.
func samples(ctx context.Context, src metrics.Source, r *release.Rollout, p release.Phase, w Window) Requirement {
	req := Requirement{Kind: NeedsSamples, ID: "samples", Title: fmt.Sprintf("at least %d operations in the phase", p.Samples), Verdict: gate.Hold}
	n, err := metrics.Counts(ctx, src, operations(r, p), w.From, w.To)
	if err != nil {
		req.Words = whyHold(err)
		return req
	}
	req.Words = fmt.Sprintf("%d of %d", n, p.Samples)
	passed := w.To.Sub(w.From)
	switch {
	case n >= p.Samples:
		req.Verdict = gate.Pass
	case n > 0 && passed > 0:
		needed := float64(passed) * float64(p.Samples) / float64(n)
		if needed > float64(longestGuess) {
			req.Words += ", at this rate in more than a year"
			break
		}
		req.Earliest = w.From.Add(time.Duration(needed))
		req.Words += ", at this rate " + stamp(req.Earliest)
	}
	return req
}

// operations selects what a phase's samples are: what the surveillance watches, else
// the total of its first ratio.
func operations(r *release.Rollout, p release.Phase) string {
	if r.Surveillance.Total != "" {
		return r.Surveillance.Total
	}
	for _, id := range p.Gates {
		if g, ok := r.Gate(id); ok && g.Total != "" {
			return g.Total
		}
	}
	return ""
}
