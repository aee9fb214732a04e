package metricstest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

func testIncrease(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 41, "other_total": 7})
	await(t, w, sel("c_total", a), 41)
	from := begin(t, w, a)
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
	from := begin(t, w, a)
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
	from := begin(t, w, a, b)
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
	from := begin(t, w, a)
	a.Set(map[string]float64{text: 9})
	await(t, w, selector, 9)
	wantCount(t, w, selector, from, 8)
	all, err := w.Source.Instant(t.Context(), selector, time.Now())
	if err != nil || len(all) != 1 || all[0].Labels["route"] != odd {
		t.Errorf("the label comes back as %v, %v", all, err)
	}
	wantCount(t, w, selector+" # as typed, with a remark", from, 8)
}

func testNoCount(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{
		`c_total{is="nan"}`: 1, `c_total{is="inf"}`: 1, `c_total{is="negative"}`: 1, `c_total{is="half"}`: 1, `c_total{is="fine"}`: 1,
	})
	await(t, w, sel("c_total", a), 5)
	from := begin(t, w, a)
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
