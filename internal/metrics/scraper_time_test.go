package metrics_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
)

// clock is a time that tests move.
type clock struct{ now atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	start := noon
	c.now.Store(&start)
	return c
}

func (c *clock) Now() time.Time { return *c.now.Load() }

func (c *clock) pass(d time.Duration) {
	next := c.Now().Add(d)
	c.now.Store(&next)
}

func TestAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	a := metricstest.NewTarget()
	t.Cleanup(a.Close)
	a.Start(noon, map[string]float64{"c_total": 1})
	c, dir := newClock(), t.TempDir()
	o := metrics.ScrapeOptions{Dir: dir, Targets: []string{a.URL()}, Now: c.Now}
	s, err := metrics.OpenScrape(o)
	if err != nil {
		t.Fatal(err)
	}
	scrape := func(d time.Duration) error {
		c.pass(d)
		return s.Scrape(t.Context())
	}
	if err := errors.Join(scrape(0), scrape(0), scrape(15*time.Second)); err != nil {
		t.Error(err)
	}
	if err := scrape(-10 * time.Minute); err == nil || !strings.Contains(err.Error(), "the clock is 10m0s behind") {
		t.Errorf("the error is %v", err)
	}
	// Another process sees it too.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openScrape(t, o)
	if err := scrape(0); err == nil || !strings.Contains(err.Error(), "the clock is 10m0s behind") {
		t.Errorf("the error is %v", err)
	}
	if err := scrape(10*time.Minute + time.Second); err != nil {
		t.Errorf("the clock has passed them: %v", err)
	}
	if got := value(t, s, "count_over_time(c_total[5m])", c.Now()); got != "4" {
		t.Errorf("%s samples were kept, want 4", got)
	}
}

// A command that runs every half an hour for sixty hours, each time anew: it counts
// what happened over all of them, keeps what it is to keep, and no more.
func TestSamplesAreKeptFromRunToRunAndNotForEver(t *testing.T) {
	t.Parallel()
	a := metricstest.NewTarget()
	t.Cleanup(a.Close)
	a.Start(noon, nil)
	c, dir := newClock(), t.TempDir()
	began := c.Now()
	const runs = 60 * 2
	var s *metrics.Scraper
	for i := range runs {
		var err error
		s, err = metrics.OpenScrape(metrics.ScrapeOptions{Dir: dir, Targets: []string{a.URL()}, Now: c.Now, Retention: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		a.Set(map[string]float64{"c_total": float64(i)})
		if err := s.Scrape(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i < runs-1 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.pass(30 * time.Minute)
		}
	}
	defer s.Close()
	n, err := metrics.Counts(t.Context(), s, "c_total", c.Now().Add(-24*time.Hour), c.Now())
	if err != nil || n != 24*2 {
		t.Errorf("a day counts %d, %v; want %d", n, err, 24*2)
	}
	old, err := s.Range(t.Context(), "c_total", began.Add(-time.Second), began.Add(24*time.Hour))
	if err != nil || len(old) != 0 {
		t.Errorf("of the first day there are still %v, %v", old, err)
	}
	// While a block is written, in the background, its file has room ahead.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return err
	})
	t.Logf("%d KB on disk", size>>10)
	if err != nil || size > 8<<20 {
		t.Errorf("the folder has %d KB, %v", size>>10, err)
	}
}
