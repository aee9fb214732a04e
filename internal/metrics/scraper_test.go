package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
)

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
