package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
)

func TestPrometheusKeepsToTheContract(t *testing.T) {
	t.Parallel()
	server := prometheusServer(t)
	metricstest.Conformance(t, func(t *testing.T) metricstest.World {
		return metricstest.World{Source: prometheusSource(t), Target: pooledTarget, Forget: func(t testing.TB, target *metricstest.Target) {
			if err := server.Forget(target); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

func TestScraperKeepsToTheContract(t *testing.T) {
	t.Parallel()
	metricstest.Conformance(t, func(t *testing.T) metricstest.World {
		targets := &list{}
		return metricstest.World{
			Source: scraping(t, targets),
			Target: func(t testing.TB) *metricstest.Target {
				target := metricstest.NewTarget()
				t.Cleanup(target.Close)
				targets.add(target.URL())
				return target
			},
			Forget: func(_ testing.TB, target *metricstest.Target) { targets.remove(target.URL()) },
		}
	})
}

// Both scrape the same instance at the same time: both must count the same, through
// a restart and with whatever they saw of it.
func TestBothSourcesCountTheSame(t *testing.T) {
	t.Parallel()
	server := prometheusSource(t)
	target, other := pooledTarget(t), pooledTarget(t)
	targets := &list{}
	targets.set(target.URL(), other.URL())
	embedded := scraping(t, targets)
	sources := []metrics.Source{server, embedded}
	selector := func(name string) string {
		return fmt.Sprintf(`%s{instance=~"%s|%s"}`, name, target.Instance(), other.Instance())
	}
	state := func(ok, bad, fast, all float64) map[string]float64 {
		return map[string]float64{
			`r_total{code="200"}`: ok, `r_total{code="500",why="a \"b\""}`: bad,
			`d_bucket{le="0.3"}`: fast, `d_bucket{le="+Inf"}`: all, "d_count": all, "d_sum": all,
		}
	}
	seen := func(all float64) {
		t.Helper()
		for _, s := range sources {
			eventually(t, fmt.Sprintf("%s has seen %v", s, all), func() bool {
				found, err := s.Instant(t.Context(), "sum("+selector("d_count")+")", time.Now())
				if err != nil {
					t.Fatal(err)
				}
				return len(found) == 1 && found[0].Points[0].Value == all
			})
		}
	}
	long := time.Now().Add(-time.Hour)
	target.Start(long, state(100, 1, 90, 101))
	other.Start(long, state(200, 2, 190, 202))
	seen(303)
	from := metricstest.Begin(t, sources, target, other)
	for i := range 5 { // some of these no scrape sees, some only one of the two
		target.Set(state(110+float64(i), 2, 95, 112+float64(i)))
	}
	seen(116 + 202)
	target.Start(time.Now(), state(6, 3, 5, 9))
	other.Set(state(220, 2, 210, 222))
	seen(9 + 222)
	to := time.Now()
	want := []string{"14+6+20=40", "1+3=4", "[{0.3 30} {+Inf 44}]"}
	for _, s := range sources {
		ok, err1 := metrics.Counts(t.Context(), s, `r_total{code="200",`+selector("")[1:], from, to)
		bad, err2 := metrics.Counts(t.Context(), s, `r_total{code="500",`+selector("")[1:], from, to)
		buckets, err3 := metrics.Buckets(t.Context(), s, selector("d_bucket"), from, to)
		got := []string{fmt.Sprintf("14+6+20=%d", ok), fmt.Sprintf("1+3=%d", bad), fmt.Sprint(buckets)}
		if err := errors.Join(err1, err2, err3); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen within 2 minutes: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestQuestionsAfterCloseAreRefused(t *testing.T) {
	t.Parallel()
	s, err := metrics.OpenScrape(metrics.ScrapeOptions{Dir: t.TempDir(), Targets: []string{"http://127.0.0.1:1/metrics"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	_, err = s.Instant(context.Background(), "up", time.Now())
	for _, err := range []error{err, s.Scrape(context.Background())} {
		if closed := (*metrics.Unavailable)(nil); !errors.As(err, &closed) {
			t.Errorf("the error is %v", err)
		}
	}
}
