package metricstest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Target is an instance with a /metrics of its own.
type Target struct {
	server *httptest.Server

	mu     sync.Mutex
	values map[string]float64 // by series, as the text format writes it
	down   bool
}

// NewTarget is an instance that answers 503 until it is started.
func NewTarget() *Target {
	t := &Target{down: true, values: map[string]float64{}}
	t.server = httptest.NewServer(t)
	return t
}

// URL of its /metrics.
func (t *Target) URL() string { return t.server.URL + "/metrics" }

// Instance is its host and port.
func (t *Target) Instance() string { return t.server.Listener.Addr().String() }

// Close ends it.
func (t *Target) Close() { t.server.Close() }

// ServeHTTP implements http.Handler.
func (t *Target) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	var out strings.Builder
	for _, series := range slices.Sorted(maps.Keys(t.values)) {
		fmt.Fprintf(&out, "%s %s\n", series, strconv.FormatFloat(t.values[series], 'g', -1, 64))
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write([]byte(out.String()))
}

// Start is a process that began at a moment: nothing is counted yet.
func (t *Target) Start(began time.Time, values map[string]float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values = map[string]float64{"process_start_time_seconds": float64(began.UnixMilli()) / 1000}
	maps.Copy(t.values, values)
	t.down = false
}

// Stop lets it answer 503.
func (t *Target) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.down = true
}

// Set gives series values, at one moment: no scrape sees some of them only.
func (t *Target) Set(values map[string]float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.values, values)
}

// Remove takes series away.
func (t *Target) Remove(series ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range series {
		delete(t.values, s)
	}
}
