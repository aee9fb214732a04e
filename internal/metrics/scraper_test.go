package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// value is what an expression gives now, "" for nothing.
func value(t *testing.T, s metrics.Source, expr string, at time.Time) string {
	t.Helper()
	all, err := s.Instant(t.Context(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, one := range all {
		text = append(text, fmt.Sprint(one.Points[0].Value))
	}
	return strings.Join(text, " ")
}

func TestTargetsThatFailAreNamedAndTheOthersKept(t *testing.T) {
	t.Parallel()
	fine := metricstest.NewTarget()
	t.Cleanup(fine.Close)
	fine.Start(time.Now(), map[string]float64{"c_total": 7})
	bad := map[string]http.HandlerFunc{
		"503 Service Unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"a page for people":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"what are no metrics":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "c_total 1\nc_total{x= 2\n") },
		"there twice":             func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "c_total 1\nc_total 2\n") },
		"is there twice; which":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "c_total 1\nc_total 1\n") },
		"redirects to http://other/where": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other/where", http.StatusFound)
		},
		"more than 100000 series": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100_001 {
				fmt.Fprintf(w, "c%d 1\n", i)
			}
		},
		"more than 16 MB": func(w http.ResponseWriter, _ *http.Request) {
			block := []byte(strings.Repeat("# what nobody reads\n", 1<<15))
			for range 1 << 10 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"EOF": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	urls := []string{fine.URL()}
	where := map[string]string{}
	for words, handler := range bad {
		server := serving(t, handler)
		urls = append(urls, server.URL+"/metrics")
		where[words] = server.URL + "/metrics"
	}
	s := openScrape(t, metrics.ScrapeOptions{Dir: t.TempDir(), Targets: urls, Timeout: 2 * time.Minute})
	err := s.Scrape(t.Context())
	var failed *metrics.ScrapeFailed
	if !errors.As(err, &failed) || len(failed.Targets) != len(bad) || failed.Of != len(urls) {
		t.Fatalf("the error is %v", err)
	}
	for words, url := range where {
		if failed.Targets[url] == nil || !strings.Contains(failed.Targets[url].Error(), words) {
			t.Errorf("%q is told as %v", words, failed.Targets[url])
		}
	}
	now := time.Now()
	if got := value(t, s, "c_total", now); got != "7" {
		t.Errorf("c_total is %q: nothing of a scrape that failed is kept", got)
	}
	if got := value(t, s, "sum(up) + 100 * count(up)", now); got != "1001" {
		t.Errorf("1 of 10 up is %s", got)
	}
}

func TestATargetThatHangs(t *testing.T) {
	t.Parallel()
	server := serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "c_total 1\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s := openScrape(t, metrics.ScrapeOptions{Dir: t.TempDir(), Targets: []string{server.URL + "/metrics"}, Timeout: 100 * time.Millisecond})
	if err := s.Scrape(t.Context()); !errors.As(err, new(*metrics.ScrapeFailed)) || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("the error is %v", err)
	}
	// A caller who gives up says nothing about the target.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Scrape(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if got := value(t, s, "count_over_time(up[1m])", time.Now().Add(time.Second)); got != "1" {
		t.Errorf("up was kept %s times", got)
	}
}

func TestWhatIsGoneIsStale(t *testing.T) {
	t.Parallel()
	a, b := metricstest.NewTarget(), metricstest.NewTarget()
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	c, targets := newClock(), &list{}
	targets.set(a.URL(), b.URL())
	s := openScrape(t, metrics.ScrapeOptions{Dir: t.TempDir(), Discover: targets.discover, Now: c.Now})
	step := func(want map[string]string, failing bool) {
		t.Helper()
		c.pass(15 * time.Second)
		if err := s.Scrape(t.Context()); (err != nil) != failing {
			t.Errorf("the round ends with %v", err)
		}
		for expr, text := range want {
			if got := value(t, s, expr, c.Now().Add(time.Second)); got != text {
				t.Errorf("%s is %q, want %q", expr, got, text)
			}
		}
	}
	a.Start(noon, map[string]float64{`c{x="1"}`: 1, `c{x="2"}`: 2})
	b.Start(noon, map[string]float64{`c{x="1"}`: 3})
	step(map[string]string{"sum(c)": "6", "sum(up)": "2"}, false)
	a.Remove(`c{x="2"}`)
	step(map[string]string{"sum(c)": "4", "sum(up)": "2"}, false)
	a.Stop()
	step(map[string]string{"sum(c)": "3", "sum(up)": "1", "count(up)": "2"}, true)
	a.Start(noon, map[string]float64{`c{x="1"}`: 1})
	step(map[string]string{"sum(c)": "4", "sum(up)": "2"}, false)
	targets.set(a.URL())
	step(map[string]string{"sum(c)": "1", "count(up)": "1", "count(scrape_samples_scraped)": "1"}, false)
	targets.set()
	step(map[string]string{"sum(c)": "", "count(up)": ""}, false)
}

func TestTargetsThatCannotBeListedStay(t *testing.T) {
	t.Parallel()
	a := metricstest.NewTarget()
	t.Cleanup(a.Close)
	a.Start(time.Now(), nil)
	broken := false
	s := openScrape(t, metrics.ScrapeOptions{Dir: t.TempDir(), Discover: func(context.Context) ([]string, error) {
		if broken {
			return nil, errors.New("no such host")
		}
		return []string{a.URL()}, nil
	}})
	if err := s.Scrape(t.Context()); err != nil {
		t.Fatal(err)
	}
	broken = true
	if err := s.Scrape(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be listed: no such host") {
		t.Errorf("the error is %v", err)
	}
	if got := value(t, s, "count_over_time(up[1m])", time.Now().Add(time.Second)); got != "2" {
		t.Errorf("up was kept %s times", got)
	}
}

func TestLabelsOfATargetGiveWayToOurs(t *testing.T) {
	t.Parallel()
	a := metricstest.NewTarget()
	t.Cleanup(a.Close)
	a.Start(time.Now(), map[string]float64{`c{job="theirs",instance="i",exported_job="x",empty=""}`: 1})
	s := openScrape(t, metrics.ScrapeOptions{Dir: t.TempDir(), Targets: []string{a.URL()}, Job: "ours"})
	if err := s.Scrape(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := s.Instant(t.Context(), "c", time.Now().Add(time.Second))
	want := `c{exported_exported_job="theirs",exported_instance="i",exported_job="x",instance="A",job="ours"}`
	if err != nil || len(all) != 1 || strings.ReplaceAll(all[0].Labels.String(), a.Instance(), "A") != want {
		t.Errorf("%v, %v; want %s", all, err, want)
	}
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

func TestScrapeOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one := []string{"http://a/metrics"}
	for words, o := range map[string]metrics.ScrapeOptions{
		"folder for scraped samples is not given": {Targets: one},
		"are not given, or given twice":           {Dir: dir},
		"not a directory":                         {Dir: filepath.Join(file, "x"), Targets: one},
		"is no address":                           {Dir: dir, Targets: []string{"a:8080"}},
		"more than host, port and path":           {Dir: dir, Targets: []string{"http://u:s3cret@a/metrics"}},
		"instance a:80 is listed twice":           {Dir: dir, Targets: []string{"http://a/metrics", "http://a:80/other"}},
	} {
		s, err := metrics.OpenScrape(o)
		if err == nil {
			t.Errorf("%s: accepted", words)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error does not say %q: %v", words, err)
		}
	}
}

func FuzzExposition(f *testing.F) {
	f.Add("# TYPE c counter\nc_total{a=\"b\"} 1 1782907205\n", "text/plain")
	f.Add("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n# EOF\n", "application/openmetrics-text; version=1.0.0")
	f.Add("\x80\x01\n", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
	f.Add("{\"with.dots\",job=\"x\"} NaN\n", "text/plain; version=1.0.0; escaping=allow-utf-8")
	var body, kind atomic.Value
	body.Store("")
	kind.Store("")
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind.Load().(string))
		_, _ = io.WriteString(w, body.Load().(string))
	}))
	f.Cleanup(target.Close)
	c := newClock()
	s := openScrape(f, metrics.ScrapeOptions{Dir: f.TempDir(), Targets: []string{target.URL + "/metrics"}, Now: c.Now})
	f.Fuzz(func(t *testing.T, text, contentType string) {
		body.Store(text)
		kind.Store(contentType)
		c.pass(time.Second)
		err := s.Scrape(t.Context())
		if err != nil && !errors.As(err, new(*metrics.ScrapeFailed)) {
			t.Errorf("the error is %T: %v", err, err)
		}
		if got := value(t, s, "up", c.Now()); (got == "1") != (err == nil) {
			t.Errorf("up is %q after %v", got, err)
		}
	})
}
