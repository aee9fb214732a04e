package metricstest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// World is a source and the instances it scrapes.
type World struct {
	Source metrics.Source
	// Target is an instance that the source scrapes and that answers 503 as yet.
	Target func(t testing.TB) *Target
	// Forget takes it out of what is scraped.
	Forget func(t testing.TB, target *Target)
}

// longAgo is when a process began that has run for days.
func longAgo() time.Time { return time.Now().Add(-72 * time.Hour) }

// Conformance holds a source to what metrics promises.
func Conformance(t *testing.T, world func(t *testing.T) World) {
	for name, test := range map[string]func(*testing.T, World){
		"a counter's increase":                            testIncrease,
		"a counter that stands at zero":                   testZero,
		"no series":                                       testNoSeries,
		"a restarted instance":                            testRestart,
		"an instance that is scraped only now":            testNewlyScraped,
		"an instance that began within the window":        testBegan,
		"a series that appears in a known instance":       testAppears,
		"a series that is the first of its metric":        testFirstOfMetric,
		"an instance that is gone":                        testGone,
		"several series and instances":                    testSeveral,
		"labels with odd characters":                      testOddLabels,
		"a histogram":                                     testHistogram,
		"a histogram of a restarted instance":             testHistogramRestart,
		"NaN, infinite, negative and fractional counters": testNoCount,
		"expressions":                                     testExpressions,
		"wrong expressions":                               testWrong,
		"a caller who gives up":                           testGivesUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, world(t))
		})
	}
}

// await waits until the last sample of a series, of all instances together, is
// the value.
func await(t *testing.T, w World, selector string, value float64) {
	t.Helper()
	awaitTrue(t, selector+" is "+strconv.FormatFloat(value, 'g', -1, 64), func() bool {
		now := time.Now()
		all, err := w.Source.Range(t.Context(), selector, now.Add(-time.Minute), now)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, s := range all {
			sum += s.Points[len(s.Points)-1].Value
		}
		return len(all) > 0 && (sum == value || math.IsNaN(sum) && math.IsNaN(value))
	})
}

func awaitTrue(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen within 2 minutes: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func wantCount(t *testing.T, w World, selector string, from time.Time, want int64) {
	t.Helper()
	n, err := metrics.Counts(t.Context(), w.Source, selector, from, time.Now())
	if err != nil || n != want {
		t.Errorf("%s counted %d, %v; want %d", selector, n, err, want)
	}
}

func testIncrease(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 41, "other_total": 7})
	await(t, w, sel("c_total", a), 41)
	from := time.Now()
	a.Set(map[string]float64{"c_total": 44})
	await(t, w, sel("c_total", a), 44)
	a.Set(map[string]float64{"c_total": 1041})
	await(t, w, sel("c_total", a), 1041)
	wantCount(t, w, sel("c_total", a), from, 1000)
	all, err := w.Source.Range(t.Context(), sel("c_total", a), from, time.Now())
	if err != nil || len(all) != 1 || all[0].Labels["instance"] != a.Instance() || all[0].Labels["__name__"] != "c_total" {
		t.Fatalf("the raw samples are %v, %v", all, err)
	}
	for _, p := range all[0].Points {
		if !p.At.After(from) {
			t.Errorf("a sample of %s is not after %s", p.At, from)
		}
	}
	// The last sample of a window is in it, and is not in the next one.
	last := all[0].Points[len(all[0].Points)-1].At
	in, err := w.Source.Range(t.Context(), sel("c_total", a), last.Add(-time.Millisecond), last)
	if err != nil || len(in) != 1 || len(in[0].Points) != 1 {
		t.Errorf("(last-1ms, last] holds %v, %v", in, err)
	}
	next, err := w.Source.Range(t.Context(), sel("c_total", a), last, last.Add(time.Millisecond))
	if err != nil || len(next) != 0 {
		t.Errorf("(last, last+1ms] holds %v, %v", next, err)
	}
}

func testZero(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 0})
	await(t, w, sel("c_total", a), 0)
	from := time.Now()
	a.Set(map[string]float64{"tick": 1})
	await(t, w, sel("tick", a), 1)
	wantCount(t, w, sel("c_total", a), from, 0)
}

func testNoSeries(t *testing.T, w World) {
	now := time.Now()
	all, err := w.Source.Range(t.Context(), "nothing_total", now.Add(-time.Minute), now)
	if err != nil || len(all) != 0 {
		t.Errorf("Range gives %v, %v", all, err)
	}
	all, err = w.Source.Instant(t.Context(), "sum(nothing_total)", now)
	if err != nil || len(all) != 0 {
		t.Errorf("Instant gives %v, %v", all, err)
	}
	if n, err := metrics.Counts(t.Context(), w.Source, "nothing_total", now.Add(-time.Minute), now); !errors.Is(err, metrics.ErrNoData) {
		t.Errorf("Counts gives %d, %v", n, err)
	}
	if b, err := metrics.Buckets(t.Context(), w.Source, "nothing_bucket", now.Add(-time.Minute), now); !errors.Is(err, metrics.ErrNoData) {
		t.Errorf("Buckets gives %v, %v", b, err)
	}
}

func testRestart(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 100})
	await(t, w, sel("c_total", a), 100)
	from := time.Now()
	a.Set(map[string]float64{"c_total": 107})
	await(t, w, sel("c_total", a), 107)
	a.Stop()
	await(t, w, sel("up", a), 0)
	a.Start(time.Now(), map[string]float64{"c_total": 3})
	await(t, w, sel("c_total", a), 3)
	a.Set(map[string]float64{"c_total": 5})
	await(t, w, sel("c_total", a), 5)
	wantCount(t, w, sel("c_total", a), from, 7+5)
}

func testNewlyScraped(t *testing.T, w World) {
	a := w.Target(t)
	await(t, w, sel("up", a), 0)
	from := time.Now()
	a.Start(longAgo(), map[string]float64{"c_total": 100_000})
	await(t, w, sel("c_total", a), 100_000)
	a.Set(map[string]float64{"c_total": 100_005})
	await(t, w, sel("c_total", a), 100_005)
	wantCount(t, w, sel("c_total", a), from, 5)
}

func testBegan(t *testing.T, w World) {
	a := w.Target(t)
	await(t, w, sel("up", a), 0)
	from := time.Now().Add(-time.Second)
	a.Start(time.Now(), map[string]float64{"c_total": 4})
	await(t, w, sel("c_total", a), 4)
	wantCount(t, w, sel("c_total", a), from, 4)
}

func testAppears(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{`c_total{code="200"}`: 50})
	await(t, w, sel("c_total", a), 50)
	from := time.Now()
	a.Set(map[string]float64{`c_total{code="500"}`: 3})
	await(t, w, sel("c_total", a), 53)
	wantCount(t, w, sel(`c_total{code="500"}`, a), from, 3)
	wantCount(t, w, sel("c_total", a), from, 3)
}

func testFirstOfMetric(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"others_total": 1})
	await(t, w, sel("others_total", a), 1)
	from := time.Now()
	a.Set(map[string]float64{"c_total": 2})
	await(t, w, sel("c_total", a), 2)
	wantCount(t, w, sel("c_total", a), from, 2)
}

func testGone(t *testing.T, w World) {
	a, b := w.Target(t), w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 10})
	b.Start(longAgo(), map[string]float64{"c_total": 20})
	await(t, w, sel("c_total", a, b), 30)
	from := time.Now()
	a.Set(map[string]float64{"c_total": 13})
	await(t, w, sel("c_total", a, b), 33)
	w.Forget(t, a)
	awaitTrue(t, "queries see the instance no more", func() bool {
		all, err := w.Source.Instant(t.Context(), sel("up", a, b), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return len(all) == 1
	})
	gone := time.Now()
	b.Set(map[string]float64{"c_total": 24})
	await(t, w, sel("c_total", b), 24)
	wantCount(t, w, sel("c_total", a, b), from, 3+4)
	wantCount(t, w, sel("c_total", a, b), gone, 4)
	if n, err := metrics.Counts(t.Context(), w.Source, sel("c_total", a), gone, time.Now()); !errors.Is(err, metrics.ErrNoData) {
		t.Errorf("an instance that is gone counted %d, %v", n, err)
	}
}

func testSeveral(t *testing.T, w World) {
	a, b := w.Target(t), w.Target(t)
	series := func(route string, code int) string { return fmt.Sprintf(`c_total{route=%q,code="%d"}`, route, code) }
	before, after := map[string]float64{}, map[string]float64{}
	sum, failed := 0.0, int64(0)
	for i, route := range []string{"/ban", "/unban", "/queue"} {
		for _, code := range []int{200, 403, 500} {
			before[series(route, code)] = float64(10 * i)
			after[series(route, code)] = float64(10*i + code/100)
			sum += 2 * after[series(route, code)]
			if code >= 400 {
				failed += 2 * int64(code/100)
			}
		}
	}
	a.Start(longAgo(), before)
	b.Start(longAgo(), before)
	await(t, w, sel("c_total", a, b), 2*90)
	from := time.Now()
	a.Set(after)
	b.Set(after)
	await(t, w, sel("c_total", a, b), sum)
	wantCount(t, w, sel("c_total", a, b), from, 2*3*(2+4+5))
	wantCount(t, w, sel(`c_total{code!~"2.."}`, a, b), from, failed)
	wantCount(t, w, sel(`c_total{route="/ban"}`, a), from, 2+4+5)
}

func testOddLabels(t *testing.T, w World) {
	odd := "a\"b\\c\nd {e}=,#'`ü→ \t"
	a := w.Target(t)
	text := `c_total{route="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(odd) + `"}`
	a.Start(longAgo(), map[string]float64{text: 1})
	selector := sel("c_total{route="+strconv.Quote(odd)+"}", a)
	await(t, w, selector, 1)
	from := time.Now()
	a.Set(map[string]float64{text: 9})
	await(t, w, selector, 9)
	wantCount(t, w, selector, from, 8)
	all, err := w.Source.Instant(t.Context(), selector, time.Now())
	if err != nil || len(all) != 1 || all[0].Labels["route"] != odd {
		t.Errorf("the label comes back as %v, %v", all, err)
	}
	wantCount(t, w, selector+" # as typed, with a remark", from, 8)
}

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
	from := time.Now()
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
	from := time.Now()
	a.Start(time.Now(), observed(5, 6, 7))
	await(t, w, sel("h_count", a), 7)
	wantBuckets(t, w, sel("h_bucket", a), from, 5, 6, 7, 7)
}

func testNoCount(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{
		`c_total{is="nan"}`: 1, `c_total{is="inf"}`: 1, `c_total{is="negative"}`: 1, `c_total{is="half"}`: 1, `c_total{is="fine"}`: 1,
	})
	await(t, w, sel("c_total", a), 5)
	from := time.Now()
	a.Set(map[string]float64{
		`c_total{is="nan"}`: math.NaN(), `c_total{is="inf"}`: math.Inf(1), `c_total{is="negative"}`: -1, `c_total{is="half"}`: 1.5, `c_total{is="fine"}`: 2,
	})
	await(t, w, sel(`c_total{is="nan"}`, a), math.NaN())
	for _, is := range []string{"nan", "inf", "negative", "half", "nan|fine"} {
		n, err := metrics.Counts(t.Context(), w.Source, sel(`c_total{is=~"`+is+`"}`, a), from, time.Now())
		if bad := (*metrics.BadSample)(nil); !errors.As(err, &bad) {
			t.Errorf("%s counted %d, %v", is, n, err)
		}
	}
	wantCount(t, w, sel(`c_total{is="fine"}`, a), from, 1)
}

func testExpressions(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{`g{of="x"}`: 2, `g{of="y"}`: 3})
	await(t, w, sel("g", a), 5)
	now := time.Now()
	for expr, want := range map[string]string{
		"1 + 1":                       "[{{} 2}]",
		"sum(" + sel("g", a) + ")":    "[{{} 5}]",
		"0 * " + sel("g", a) + " / 0": `[{{instance="A",job="clipper",of="x"} NaN} {{instance="A",job="clipper",of="y"} NaN}]`,
		"vector(7)":                   "[{{} 7}]",
	} {
		all, err := w.Source.Instant(t.Context(), expr, now)
		var got []string
		for _, s := range all {
			got = append(got, fmt.Sprintf("{%s %v}", s.Labels, s.Points[0].Value))
		}
		if text := strings.ReplaceAll(fmt.Sprint(got), a.Instance(), "A"); err != nil || text != want {
			t.Errorf("%s gives %s, %v; want %s", expr, text, err, want)
		}
	}
}

func testWrong(t *testing.T, w World) {
	now := time.Now()
	bad := func(what string, err error) {
		t.Helper()
		if wrong := (*metrics.BadQuery)(nil); !errors.As(err, &wrong) || wrong.What == "" || wrong.Where != w.Source.String() {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, expr := range []string{"sum(", `"text"`, "up[5m]", "nosuchfunction(up)", ""} {
		_, err := w.Source.Instant(t.Context(), expr, now)
		bad(expr, err)
	}
	for _, selector := range []string{"sum(up)", "up[5m]", "up offset 5m", "up @ 7", "{", "1", ""} {
		_, err := w.Source.Range(t.Context(), selector, now.Add(-time.Minute), now)
		bad(selector, err)
	}
	_, err := w.Source.Range(t.Context(), "up", now, now)
	bad("no window", err)
}

func testGivesUp(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Source.Instant(ctx, "up", time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// sel narrows a selector to instances.
func sel(selector string, targets ...*Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, strings.ReplaceAll(t.Instance(), ".", `\\.`))
	}
	matcher := `instance=~"` + strings.Join(names, "|") + `"`
	if before, braced := strings.CutSuffix(selector, "}"); braced {
		return before + "," + matcher + "}"
	}
	return selector + "{" + matcher + "}"
}
