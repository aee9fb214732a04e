package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// points makes samples, seconds after noon and value by turns.
func points(pairs ...float64) []metrics.Point {
	var all []metrics.Point
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, metrics.Point{At: noon.Add(time.Duration(pairs[i] * float64(time.Second))), Value: pairs[i+1]})
	}
	return all
}

func TestIncrease(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		points []metrics.Point
		want   int64
		ok     bool
	}{
		"from the last sample before the window":  {points(-30, 1, -15, 5, 15, 8, 30, 12), 7, true},
		"a sample at the very beginning is it":    {points(-15, 1, 0, 5, 15, 8), 3, true},
		"without one, from the first in it":       {points(15, 500, 30, 503), 3, true},
		"a restart adds what came after it":       {points(-15, 90, 15, 95, 30, 2, 45, 4), 5 + 2 + 2, true},
		"a restart to zero":                       {points(-15, 90, 15, 0, 30, 0), 0, true},
		"two restarts":                            {points(-15, 9, 15, 3, 30, 2), 3 + 2, true},
		"a restart between base and window":       {points(-15, 9, 15, 3), 3, true},
		"a restart before the base is over":       {points(-30, 9, -15, 3, 15, 4), 1, true},
		"standing at zero":                        {points(-15, 0, 15, 0), 0, true},
		"standing at another value":               {points(-15, 7, 15, 7), 0, true},
		"as much as a float holds":                {points(-15, 0, 15, 1<<53), 1 << 53, true},
		"no samples":                              {nil, 0, false},
		"none in the window":                      {points(-30, 1, -15, 5), 0, false},
		"one alone has nothing to be compared to": {points(15, 5), 0, false},
		"NaN":                             {points(-15, 1, 15, math.NaN(), 30, 5), 0, false},
		"infinite":                        {points(-15, 1, 15, math.Inf(1)), 0, false},
		"negative":                        {points(-15, 1, 15, -1), 0, false},
		"a fraction":                      {points(-15, 1, 15, 1.5), 0, false},
		"more than a float holds exactly": {points(-15, 1, 15, 1<<54), 0, false},
		"NaN before the window":           {points(-15, math.NaN(), 15, 5), 0, false},
	} {
		n, ok := metrics.Increase(metrics.Series{Points: test.points}, noon)
		if n != test.want || ok != test.ok {
			t.Errorf("%s: %d, %v; want %d, %v", name, n, ok, test.want, test.ok)
		}
	}
}

// recorded answers every range with the series of its first word, cut to the
// window as a server does; instants with what was said for them.
type recorded struct {
	ranges  map[string][]metrics.Series
	instant []metrics.Series
}

func (r recorded) Range(_ context.Context, selector string, from, to time.Time) ([]metrics.Series, error) {
	var all []metrics.Series
	for name, series := range r.ranges {
		if len(selector) < len(name) || selector[:len(name)] != name {
			continue
		}
		for _, s := range series {
			cut := metrics.Series{Labels: s.Labels}
			for _, p := range s.Points {
				if p.At.After(from) && !p.At.After(to) {
					cut.Points = append(cut.Points, p)
				}
			}
			if len(cut.Points) > 0 {
				all = append(all, cut)
			}
		}
	}
	return all, nil
}

func (r recorded) Instant(context.Context, string, time.Time) ([]metrics.Series, error) {
	return r.instant, nil
}

func (recorded) String() string { return "recorded" }
func (recorded) Close() error   { return nil }

// of is the labels of a series of an instance.
func of(name, instance string, more ...string) metrics.Labels {
	l := metrics.Labels{"__name__": name, "job": "clipper", "instance": instance}
	for i := 0; i < len(more); i += 2 {
		l[more[i]] = more[i+1]
	}
	return l
}

// seconds of noon as process_start_time_seconds says them.
func at(s float64) float64 { return float64(noon.Unix()) + s }

func TestCounts(t *testing.T) {
	t.Parallel()
	const start = "process_start_time_seconds"
	series := func(l metrics.Labels, pairs ...float64) metrics.Series {
		return metrics.Series{Labels: l, Points: points(pairs...)}
	}
	for name, test := range map[string]struct {
		source recorded
		want   int64
		none   bool
	}{
		"several series": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 1, 15, 3), series(of("c", "b"), -15, 10, 15, 14)},
		}}, want: 6},
		"one that is gone counts nothing": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 1), series(of("c", "b"), -15, 10, 15, 14)},
		}}, want: 4},
		"a base within five minutes before": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -299, 5, 45, 7)},
		}}, want: 2},
		"one scraped only now, running for long": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), 15, 100, 30, 103)}, start: {series(of(start, "a"), 15, at(-9000), 30, at(-9000))},
		}}, want: 3},
		"one scraped only now, once": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), 45, 100)}, start: {series(of(start, "a"), 45, at(-9000))},
		}}, none: true},
		"one that began within the window": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), 15, 2, 30, 3)}, start: {series(of(start, "a"), 15, at(5), 30, at(5))},
		}}, want: 3},
		"one that began within it, scraped once": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), 15, 2)}, start: {series(of(start, "a"), 15, at(5))},
		}}, want: 2},
		"one scraped only now that restarts soon after": {source: recorded{ranges: map[string][]metrics.Series{
			"c":   {series(of("c", "a"), 15, 100, 30, 3)},
			start: {series(of(start, "a"), 15, at(-9000), 30, at(20))},
		}}, want: 3},
		"another instance's start is not its own": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), 15, 100, 30, 103)}, start: {series(of(start, "b"), 15, at(5), 30, at(5))},
		}}, want: 3},
		"one of a known instance": {source: recorded{
			ranges:  map[string][]metrics.Series{"c": {series(of("c", "a"), 15, 2, 30, 3)}},
			instant: []metrics.Series{{Labels: metrics.Labels{"job": "clipper", "instance": "a"}}},
		}, want: 3},
		"one of an unknown instance beside a known": {source: recorded{
			ranges:  map[string][]metrics.Series{"c": {series(of("c", "b"), 15, 2, 30, 3)}},
			instant: []metrics.Series{{Labels: metrics.Labels{"job": "clipper", "instance": "a"}}},
		}, want: 1},
		"one without an instance": {source: recorded{
			ranges:  map[string][]metrics.Series{"c": {series(metrics.Labels{"__name__": "c"}, 15, 2, 30, 3)}},
			instant: []metrics.Series{{Labels: metrics.Labels{}}},
		}, want: 1},
		"a restart that soon counted more than before": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 1, 15, 2, 30, 3)}, start: {series(of(start, "a"), -15, at(-9000), 15, at(-9000), 30, at(20))},
		}}, want: 1 + 3},
		"the same, absent until it counted again": {source: recorded{ranges: map[string][]metrics.Series{
			"c":   {series(of("c", "a"), -15, 2, 45, 3)},
			start: {series(of(start, "a"), -15, at(-9000), 15, at(-9000), 30, at(20), 45, at(20))},
		}}, want: 3},
		"a start that wavers is no restart": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 100, 15, 102, 30, 103)}, start: {series(of(start, "a"), -15, at(-9000), 15, at(-8999), 30, at(-9000))},
		}}, want: 3},
		"nor is one on a clock hours ahead": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 100, 15, 102)}, start: {series(of(start, "a"), -15, at(7200), 15, at(7201))},
		}}, want: 2},
		"nor NaN": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 100, 15, 102)}, start: {series(of(start, "a"), -15, at(-9000), 15, math.NaN())},
		}}, want: 2},
		"two processes behind one address tell nothing": {source: recorded{ranges: map[string][]metrics.Series{
			"c": {series(of("c", "a"), -15, 100, 15, 102)},
			start: {
				series(of(start, "a", "worker", "1"), -15, at(-9000), 15, at(5)),
				series(of(start, "a", "worker", "2"), -15, at(-9000), 15, at(-9000)),
			},
		}}, want: 2},
	} {
		n, err := metrics.Counts(t.Context(), test.source, "c", noon, noon.Add(time.Minute))
		switch {
		case test.none && !errors.Is(err, metrics.ErrNoData):
			t.Errorf("%s: %d, %v; want no data", name, n, err)
		case !test.none && (err != nil || n != test.want):
			t.Errorf("%s: %d, %v; want %d", name, n, err, test.want)
		}
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	bucket := func(instance, le string, pairs ...float64) metrics.Series {
		return metrics.Series{Labels: of("h_bucket", instance, "le", le), Points: points(pairs...)}
	}
	for name, test := range map[string]struct {
		series []metrics.Series
		want   string
	}{
		"numbers, not texts, are in order": {[]metrics.Series{
			bucket("a", "+Inf", 0, 0, 15, 9), bucket("a", "10", 0, 0, 15, 8), bucket("a", "2.5", 0, 0, 15, 7),
		}, "[{2.5 7} {10 8} {+Inf 9}] <nil>"},
		"bounds that all have": {[]metrics.Series{
			bucket("a", "0.3", 0, 0, 15, 1), bucket("a", "1", 0, 0, 15, 2), bucket("a", "+Inf", 0, 0, 15, 3),
			bucket("b", "0.5", 0, 0, 15, 1), bucket("b", "1.0", 0, 0, 15, 2), bucket("b", "+Inf", 0, 0, 15, 3),
		}, "[{1 4} {+Inf 6}] <nil>"},
		"an instance that is gone has no say in it": {[]metrics.Series{
			bucket("a", "0.3", 0, 0, 15, 1), bucket("a", "+Inf", 0, 0, 15, 3),
			bucket("b", "0.5", -15, 5), bucket("b", "+Inf", -15, 5),
		}, "[{0.3 1} {+Inf 3}] <nil>"},
		"another spelling of a bound within the window": {[]metrics.Series{
			bucket("a", "1", 0, 100, 15, 103), bucket("a", "1.0", 30, 104, 45, 106), bucket("a", "+Inf", 0, 100, 15, 103, 30, 104, 45, 106),
		}, "[{1 6} {+Inf 6}] <nil>"},
		"a bound that a release adds within the window": {[]metrics.Series{
			bucket("a", "0.1", 0, 0, 15, 100, 30, 100, 45, 200), bucket("a", "0.3", 30, 250, 45, 500), bucket("a", "+Inf", 0, 0, 15, 500, 30, 250, 45, 500),
		}, "[{0.1 300} {+Inf 1000}] <nil>"},
		"a bound that a release takes away": {[]metrics.Series{
			bucket("a", "0.1", 0, 0, 15, 100, 30, 50), bucket("a", "0.3", 0, 0, 15, 500), bucket("a", "+Inf", 0, 0, 15, 500, 30, 250),
		}, "[{0.1 150} {+Inf 750}] <nil>"},
		"a bound that was added before the window": {[]metrics.Series{
			bucket("a", "0.3", -15, 2, 15, 5), bucket("a", "+Inf", -30, 1, -15, 3, 15, 7),
		}, "[{0.3 3} {+Inf 4}] <nil>"},
		"one bucket tells of the restart for all": {[]metrics.Series{
			bucket("a", "0.1", 0, 1, 15, 4), bucket("a", "+Inf", 0, 50, 15, 5),
		}, "[{0.1 4} {+Inf 5}] <nil>"},
		"as does one that outgrew a wider one": {[]metrics.Series{
			bucket("a", "0.1", 0, 1, 15, 6), bucket("a", "+Inf", 0, 5, 15, 6),
		}, "[{0.1 6} {+Inf 6}] <nil>"},
		"what no histogram says": {[]metrics.Series{
			bucket("a", "0.1", 0, 0, 15, 2, 30, 5), bucket("a", "+Inf", 0, 0, 45, 3),
		}, `[] h_bucket{instance="a",job="clipper",le="+Inf"} was 3 at 2026-07-01T12:00:45Z: a narrower bucket has counted more`},
		"NaN": {[]metrics.Series{
			bucket("a", "+Inf", 0, 0, 15, math.NaN()),
		}, `[] h_bucket{instance="a",job="clipper",le="+Inf"} was NaN at 2026-07-01T12:00:15Z: that is not a count`},
		"one bucket only": {[]metrics.Series{
			bucket("a", "0.1", 0, 0, 15, 1),
		}, "[] recorded: the expression `h_bucket` is wrong: it leaves out the bucket +Inf, which counts all; select every le"},
		"nothing in the window": {[]metrics.Series{
			bucket("a", "+Inf", -15, 7),
		}, "[] no data for `h_bucket` between 2026-07-01T12:00:00Z and 2026-07-01T12:01:00Z"},
	} {
		buckets, err := metrics.Buckets(t.Context(), recorded{ranges: map[string][]metrics.Series{"h_bucket": test.series}}, "h_bucket", noon, noon.Add(time.Minute))
		if got := fmt.Sprint(buckets, " ", err); got != test.want {
			t.Errorf("%s: %s; want %s", name, got, test.want)
		}
	}
}

func TestLabelsAreWrittenAsPromQL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		labels metrics.Labels
		want   string
	}{
		{metrics.Labels{}, "{}"},
		{metrics.Labels{"__name__": "up"}, "up"},
		{metrics.Labels{"__name__": "c", "b": "2", "a": "x\"\n"}, `c{a="x\"\n",b="2"}`},
		{metrics.Labels{"__name__": "with.dots", "and spaces": "1"}, `{"with.dots","and spaces"="1"}`},
	} {
		if got := test.labels.String(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
