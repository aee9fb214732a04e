package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

func TestTenPercentForFiveMinutesIsOff(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r, n := w.until(40, 4, 20)
	if r.Fired != "critical" || r.View.Actual().Enabled || n < 15 || n > 21 {
		t.Fatalf("%q after %d ticks: %s", r.Fired, n, r.View.Actual())
	}
	v := w.look(w.watcher.Controller)
	if v.State.Halted == nil || v.State.Phase != "" || v.Drifted() || !strings.Contains(v.State.Halted.Reason, "many errors: ") {
		t.Errorf("%+v", v.State)
	}
	if again, _ := w.until(40, 4, 20); again.Fired != "" {
		t.Error("it acts again")
	}
	if len(w.history(w.watcher.Controller)) != 2 {
		t.Errorf("%v", kinds(w.history(w.watcher.Controller)))
	}
}

func TestFivePercentForAQuarterOfAnHourStepsDown(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r, n := w.until(80, 8, 100)
	if r.Fired != "gradual" || !r.View.Actual().Same(percent(10)) || n < 45 || n > 61 || r.View.State.Phase != "10%" || r.View.State.Halted == nil {
		t.Fatalf("%q after %d ticks: %s in %q", r.Fired, n, r.View.Actual(), r.View.State.Phase)
	}
	// What led to it counts no more.
	if again, _ := w.until(44, 8, 100); again.Fired != "" {
		t.Error("the same errors step down twice")
	}
}

func TestSurveillanceFires(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	if r, _ := w.until(20, 0, 15); r.Fired != "" {
		t.Fatal("it fires while all is well")
	}
	// Killed in between, another goes on with its evidence.
	r := w.tick(3, 15)
	w.watcher = w.begin(rules(true))
	if next := w.tick(0, 0); next.Evidence < r.Evidence-0.001 {
		t.Errorf("the evidence was %f, and is %f after a kill", r.Evidence, next.Evidence)
	}
	if r, n := w.until(6, 5, 15); r.Fired != surveillance || r.View.Actual().Enabled {
		t.Errorf("%q after %d ticks", r.Fired, n)
	}
	if r := w.tick(0, 1); r.Evidence > 1 {
		t.Errorf("evidence that was used is still there: %f", r.Evidence)
	}
}

func TestThreeErrorsAtNightWakeNobody(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	for i := range 80 {
		bad, total := 0.0, 1.0
		if i == 21 || i == 28 || i == 35 {
			bad = 1
		}
		if r := w.tick(bad, total); r.Fired != "" || len(r.Alerts) > 0 {
			t.Fatalf("%q, %+v", r.Fired, r.Alerts)
		}
	}
}

func TestAfterResumingOldSamplesDoNotFire(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	r, _ := w.until(20, 10, 20)
	if r.Fired == "" {
		t.Fatal("it did not fire")
	}
	w.tick(10, 20)
	w.clock.advance(7 * time.Second)
	w.src.scrape(w.clock.Now(), allOf, 20)
	w.src.scrape(w.clock.Now(), badOf, 20)
	w.resume()
	w.sets(w.operator("maria"), percent(50), "50%")
	if r := w.tick(0, 20); r.Fired != "" || r.Sample.Counts["critical"].Bad != 0 {
		t.Errorf("%q by %+v", r.Fired, r.Sample.Counts["critical"])
	}
	if r, _ := w.until(25, 0, 20); r.Fired != "" {
		t.Errorf("%q by what was before", r.Fired)
	}
	if r, _ := w.until(20, 10, 20); r.Fired == "" {
		t.Error("what fails again is not found")
	}
}

// A watch that looks less often than a rule is long judges what it has counted.
func TestARuleShorterThanATick(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r := rules(false)
	r.Rollback = r.Rollback[:1]
	w.watcher = w.begin(r)
	w.watcher.Every = 6 * time.Minute
	seen := Report{}
	for range 3 {
		for range 24 {
			w.clock.advance(15 * time.Second)
			w.src.scrape(w.clock.Now(), allOf, 20)
			w.src.scrape(w.clock.Now(), badOf, 4)
		}
		if seen = w.see(); seen.Fired != "" {
			break
		}
	}
	if seen.Fired != "critical" {
		t.Errorf("fired %q: %+v", seen.Fired, seen.Rules["critical"])
	}
}

// The evidence is enough, the flag could not be written, and then there is no data: that
// clears nothing, and the feature is taken back as soon as that is possible.
func TestEvidenceThatIsEnoughStaysEnough(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	w.until(20, 0, 15)
	away := errLost
	w.watcher.Controller.Store = &faulty{Writer: w.store, before: func() error { return away }}
	w.clock.advance(15 * time.Second)
	w.src.scrape(w.clock.Now(), allOf, 30)
	w.src.scrape(w.clock.Now(), badOf, 20)
	if r, err := w.watcher.Tick(t.Context()); err != nil || r.Fired != surveillance || r.Failed == nil {
		t.Fatalf("%q, %v, %v", r.Fired, r.Failed, err)
	}
	away = nil
	w.src.set(&metrics.Unavailable{Where: "memory", What: "away"})
	w.clock.advance(15 * time.Second)
	if r := w.see(); r.Fired != surveillance || r.View.Actual().Enabled {
		t.Errorf("%q: %s", r.Fired, r.View.Actual())
	}
}

// Who changed the flag has a clock that is ahead, and the watch looks once a minute, each
// time another process: it is not blind until its own clock has come there.
func TestAClockThatIsAheadDoesNotBlindAWatchThatLooksOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.clock.advance(3 * time.Hour)
	w.resume()
	w.clock.advance(-3 * time.Hour)
	seen := Report{}
	for range 12 {
		w.clock.advance(time.Minute)
		w.src.scrape(w.clock.Now(), allOf, 80)
		w.src.scrape(w.clock.Now(), badOf, 16)
		w.watcher = w.begin(rules(false))
		if seen = w.see(); seen.Fired != "" {
			break
		}
	}
	if seen.Fired != "critical" {
		t.Errorf("fired %q: %+v", seen.Fired, seen.Rules["critical"])
	}
}
