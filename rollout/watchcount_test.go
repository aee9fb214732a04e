package rollout

import (
	"strings"
	"testing"
	"time"
)

// A Prometheus may scrape once a minute while the watch looks every 15 s, and a scrape may
// be told of only after the look in whose time it was. What one look finds nothing of is
// counted by the next that does, and the rule fires as if every look had found some.
func TestLooksBetweenScrapesTakeNothingFromARule(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"at a look": 0, "just before a look, told after it": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, false)
			var r Report
			counted := int64(0)
			for i := 1; i <= 32 && r.Fired == ""; i++ {
				w.clock.advance(15 * time.Second)
				tell := func() {
					if i%4 == 0 {
						w.src.scrape(w.clock.Now().Add(-after), allOf, 80)
						w.src.scrape(w.clock.Now().Add(-after), badOf, 16)
					}
				}
				if after == 0 {
					tell()
				}
				r = w.see()
				if len(r.Alerts) > 0 && r.Alerts[0].ID == AlertMetrics {
					t.Fatalf("look %d: %+v", i, r.Alerts)
				}
				counted += r.Sample.Counts["critical"].Bad
				if after > 0 {
					tell()
				}
			}
			if r.Fired != "critical" {
				t.Errorf("fired %q, by %d bad ones: %+v", r.Fired, counted, r.Rules["critical"])
			}
			if want := int64(16); counted%want != 0 || counted < 4*want {
				t.Errorf("%d bad ones were counted", counted)
			}
		})
	}
}

// More bad ones than there were at all: the two do not belong together. That is no share,
// and takes nothing from anybody.
func TestBadOnesOfAnotherTotalTakeNothingBack(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	r := rules(true)
	const retries = "retries_total"
	for i := range r.Rollback {
		r.Rollback[i].Bad = retries
	}
	r.Surveillance.Bad, r.Alerts[0].Bad = retries, retries
	w.watcher = w.begin(r)
	w.src.scrape(noon, retries, 0)
	for range 25 {
		w.clock.advance(15 * time.Second)
		w.src.scrape(w.clock.Now(), allOf, 20)
		w.src.scrape(w.clock.Now(), retries, 30)
		seen := w.see()
		if seen.Fired != "" || !strings.Contains(seen.Sample.Problem, "more bad ones") {
			t.Fatalf("fired %q, problem %q: %+v", seen.Fired, seen.Sample.Problem, seen.Sample.Counts)
		}
		for _, a := range seen.Alerts {
			if a.ID == "error-rate" {
				t.Fatalf("%+v", a)
			}
		}
	}
}
