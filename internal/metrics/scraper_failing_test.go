package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
)

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
