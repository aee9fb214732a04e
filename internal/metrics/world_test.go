package metrics_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
)

// poolSize is more instances than the tests of a run take.
const poolSize = 32

// pool is one Prometheus for all tests, started when the first asks for it, and
// the instances that it scrapes from its beginning: it takes ten seconds to notice
// another.
var pool struct {
	start  sync.Once
	stop   chan struct{}
	ended  chan struct{}
	server *metricstest.Server
	err    error

	mu   sync.Mutex
	free []*metricstest.Target
	all  []*metricstest.Target
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("METRICS_TEST_SCRAPE_INTO"); dir != "" {
		scrapeUntilKilled(dir, os.Getenv("METRICS_TEST_TARGET"))
		return
	}
	code := m.Run()
	if pool.stop != nil {
		close(pool.stop)
		<-pool.ended
	}
	for _, t := range pool.all {
		t.Close()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// prometheusServer is the one Prometheus.
func prometheusServer(t testing.TB) *metricstest.Server {
	t.Helper()
	pool.start.Do(func() {
		for range poolSize {
			target := metricstest.NewTarget()
			pool.all, pool.free = append(pool.all, target), append(pool.free, target)
		}
		pool.stop, pool.ended = make(chan struct{}), make(chan struct{})
		started := make(chan struct{})
		go func() {
			defer close(pool.ended)
			runtime.LockOSThread() // the server ends with the thread
			pool.server, pool.err = metricstest.StartServer(context.Background(), pool.all...)
			close(started)
			<-pool.stop
			if pool.server != nil {
				_ = pool.server.Stop()
			}
		}()
		<-started
	})
	if pool.err != nil {
		t.Fatal(pool.err)
	}
	return pool.server
}

// pooledTarget is an instance of the pool that no other test has.
func pooledTarget(t testing.TB) *metricstest.Target {
	t.Helper()
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if len(pool.free) == 0 {
		t.Fatal("poolSize is too small for the tests there are")
	}
	target := pool.free[0]
	pool.free = pool.free[1:]
	return target
}

// prometheusSource asks the one Prometheus.
func prometheusSource(t testing.TB) metrics.Source {
	t.Helper()
	source, err := metrics.OpenPrometheus(metrics.Options{URL: prometheusServer(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// list is targets that come and go.
type list struct {
	mu      sync.Mutex
	targets []string
}

func (l *list) set(targets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets = targets
}

func (l *list) add(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets = append(l.targets, target)
}

func (l *list) remove(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left []string
	for _, t := range l.targets {
		if t != target {
			left = append(left, t)
		}
	}
	l.targets = left
}

func (l *list) discover(context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.targets...), nil
}

// scraping is an embedded Prometheus that scrapes the list until the test ends.
func scraping(t *testing.T, targets *list) *metrics.Scraper {
	t.Helper()
	s := openScrape(t, metrics.ScrapeOptions{Dir: t.TempDir(), Discover: targets.discover, Interval: metricstest.Interval})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

func openScrape(t testing.TB, o metrics.ScrapeOptions) *metrics.Scraper {
	t.Helper()
	s, err := metrics.OpenScrape(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
