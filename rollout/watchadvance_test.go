package rollout

import (
	"slices"
	"testing"
	"time"
)

// The gates are asked once at the end of the soak, and once more at its utmost end.
func TestTheGatesAreAskedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bad   float64
		moves bool
	}{"pass": {0, true}, "hold": {2, false}, "fail": {20, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, false)
			w.sets(w.operator("alice"), percent(10), "10%")
			w.watcher.AutoAdvance = true
			asked := func() int { w.src.mu.Lock(); defer w.src.mu.Unlock(); return w.src.asked[gateOf] }
			w.src.scrape(w.clock.Now(), gateOf, 0)
			pass := func(d time.Duration) Report {
				w.clock.advance(d - 15*time.Second)
				w.src.scrape(w.clock.Now(), allOf, 0)
				w.src.scrape(w.clock.Now(), gateOf, 0)
				return w.tick(0, 0)
			}
			w.tick(0, 200)
			w.src.scrape(w.clock.Now(), gateOf, c.bad)
			w.tick(0, 50)
			if asked() != 0 {
				t.Fatal("the gates were asked before the end of the soak")
			}
			r := pass(time.Hour)
			if (r.Fired == AutoAdvanceRule) != c.moves || asked() != 1 {
				t.Fatalf("fired %q, asked %d times, %q", r.Fired, asked(), r.Problems)
			}
			if !c.moves && !slices.ContainsFunc(r.Alerts, func(a Alert) bool { return a.ID == AutoAdvanceRule }) {
				t.Errorf("nobody is told: %+v", r.Alerts)
			}
			w.watcher = w.begin(rules(false))
			w.watcher.AutoAdvance = true
			for range 4 {
				w.tick(0, 100) // now it would pass, by chance
			}
			if asked() != 1 {
				t.Errorf("asked %d times", asked())
			}
			want := 1
			if name == "hold" {
				want = 2
			}
			if r = pass(time.Hour); asked() != want || (r.Fired != "") != (name == "hold") {
				t.Errorf("at the utmost end asked %d times, fired %q", asked(), r.Fired)
			}
		})
	}
}

func TestItDoesNotClimbByItselfAfterARollback(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.watcher.AutoAdvance = true
	if r, _ := w.until(80, 8, 100); r.Fired != "gradual" {
		t.Fatalf("%q", r.Fired)
	}
	w.src.scrape(w.clock.Now(), gateOf, 0)
	w.clock.advance(3 * time.Hour)
	w.src.scrape(w.clock.Now(), gateOf, 0)
	if r, _ := w.until(5, 0, 500); r.Fired != "" || !r.View.State.Began.IsZero() && r.View.Actual().Percentage > 1000 {
		t.Errorf("%q: %s", r.Fired, r.View.Actual())
	}
}
