package rollout

import (
	"context"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// memory is a source of counters that a test counts.
type memory struct {
	mu     sync.Mutex
	series map[string][]metrics.Point // by selector
	away   error
	asked  map[string]int
}

func (m *memory) Range(_ context.Context, selector string, from, to time.Time) ([]metrics.Series, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked == nil {
		m.asked = map[string]int{}
	}
	m.asked[selector]++
	if m.away != nil {
		return nil, m.away
	}
	var points []metrics.Point
	for _, p := range m.series[selector] {
		if p.At.After(from) && !p.At.After(to) {
			points = append(points, p)
		}
	}
	if len(points) == 0 {
		return nil, nil
	}
	return []metrics.Series{{Labels: metrics.Labels{"__name__": metricOf(selector)}, Points: points}}, nil
}

func (m *memory) Instant(context.Context, string, time.Time) ([]metrics.Series, error) {
	return nil, nil
}

func (m *memory) String() string { return "memory" }

func (m *memory) Close() error { return nil }

// scrape adds a sample of a counter that grew.
func (m *memory) scrape(at time.Time, selector string, by float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series == nil {
		m.series = map[string][]metrics.Point{}
	}
	points := m.series[selector]
	value := by
	if n := len(points); n > 0 {
		value += points[n-1].Value
	}
	m.series[selector] = append(points, metrics.Point{At: at, Value: value})
}

func (m *memory) restart(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for selector, points := range m.series {
		m.series[selector] = append(points, metrics.Point{At: at, Value: 0})
	}
}

func (m *memory) set(away error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}
