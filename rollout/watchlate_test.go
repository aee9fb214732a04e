package rollout

import (
	"context"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// answering is a Prometheus over two instances. One answers a scrape at once; the other
// takes seconds, and until it has answered nobody is told of a scrape that is under way.
type answering struct {
	clock  *hand
	series map[string][]metrics.Series // by selector
	took   []time.Duration             // by series
}

func (a *answering) scrape(at time.Time, instance int, selector string, by float64) {
	all := a.series[selector]
	if all == nil {
		for _, name := range []string{"prompt", "slow"} {
			all = append(all, metrics.Series{Labels: metrics.Labels{"__name__": metricOf(selector), "replica": name}})
		}
		a.series[selector] = all
	}
	if p := all[instance].Points; len(p) > 0 {
		by += p[len(p)-1].Value
	}
	all[instance].Points = append(all[instance].Points, metrics.Point{At: at, Value: by})
}

func (a *answering) Range(_ context.Context, selector string, from, to time.Time) ([]metrics.Series, error) {
	var told []metrics.Series
	for i, s := range a.series[selector] {
		one := metrics.Series{Labels: s.Labels}
		for _, p := range s.Points {
			if p.At.After(from) && !p.At.After(to) && !p.At.Add(a.took[i]).After(a.clock.Now()) {
				one.Points = append(one.Points, p)
			}
		}
		if len(one.Points) > 0 {
			told = append(told, one)
		}
	}
	return told, nil
}

func (a *answering) Instant(context.Context, string, time.Time) ([]metrics.Series, error) {
	return nil, nil
}

func (a *answering) String() string { return "answering" }

func (a *answering) Close() error { return nil }

// The instance that fails answers its scrapes slowly, each after the look in whose time it
// began. What it counts is counted all the same, once.
func TestWhatIsToldLateIsCounted(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	src := &answering{clock: w.clock, series: map[string][]metrics.Series{}, took: []time.Duration{0, 5 * time.Second}}
	w.watcher.Source = src
	fired, ticks, bad, total := "", 0, int64(0), int64(0)
	for ; ticks < 40 && fired == ""; ticks++ {
		at := w.clock.Now().Add(13 * time.Second)
		for i, failing := range []float64{0, 8} {
			src.scrape(at, i, allOf, 20)
			src.scrape(at, i, badOf, failing)
		}
		w.clock.advance(15 * time.Second)
		r := w.see()
		fired, bad, total = r.Fired, bad+r.Sample.Counts["critical"].Bad, total+r.Sample.Counts["critical"].Total
	}
	if fired != "critical" {
		t.Fatalf("fired %q by %d of %d", fired, bad, total)
	}
	// The first scrape of each is what counting begins with; the last of the slow one is not told yet.
	if n := int64(ticks); total != (n-1)*20+(n-2)*20 || bad != (n-2)*8 {
		t.Errorf("in %d ticks %d of %d were counted", n, bad, total)
	}
}
