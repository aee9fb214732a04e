package metricstest

import (
	"errors"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

func testRestart(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 100})
	await(t, w, sel("c_total", a), 100)
	from := begin(t, w, a)
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
	from := begin(t, w, a)
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
	from := begin(t, w, a)
	a.Set(map[string]float64{`c_total{code="500"}`: 3})
	await(t, w, sel("c_total", a), 53)
	wantCount(t, w, sel(`c_total{code="500"}`, a), from, 3)
	wantCount(t, w, sel("c_total", a), from, 3)
}

func testFirstOfMetric(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{"others_total": 1})
	await(t, w, sel("others_total", a), 1)
	from := begin(t, w, a)
	a.Set(map[string]float64{"c_total": 2})
	await(t, w, sel("c_total", a), 2)
	wantCount(t, w, sel("c_total", a), from, 2)
}

func testGone(t *testing.T, w World) {
	a, b := w.Target(t), w.Target(t)
	a.Start(longAgo(), map[string]float64{"c_total": 10})
	b.Start(longAgo(), map[string]float64{"c_total": 20})
	await(t, w, sel("c_total", a, b), 30)
	from := begin(t, w, a, b)
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
	gone := begin(t, w, b)
	b.Set(map[string]float64{"c_total": 24})
	await(t, w, sel("c_total", b), 24)
	wantCount(t, w, sel("c_total", a, b), from, 3+4)
	wantCount(t, w, sel("c_total", a, b), gone, 4)
	if n, err := metrics.Counts(t.Context(), w.Source, sel("c_total", a), gone, time.Now()); !errors.Is(err, metrics.ErrNoData) {
		t.Errorf("an instance that is gone counted %d, %v", n, err)
	}
}
