package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

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
