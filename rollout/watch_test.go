package rollout

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// Property: with metrics away at any moment it never acts without data, tells of it once,
// and acts within the rule's time after they are back.
func TestMetricsAway(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		w := newWatched(t, true)
		w.until(10, 0, 20)
		w.src.set(&metrics.Unavailable{Where: "memory", What: "away"})
		begun := 0
		for range 10 + random.IntN(30) {
			r := w.tick(10, 20)
			if r.Fired != "" || len(r.Problems) == 0 {
				t.Fatalf("without data: %q, %q", r.Fired, r.Problems)
			}
			for _, a := range r.Alerts {
				if a.ID == "metrics" && !a.Over {
					begun++
				}
			}
		}
		w.src.set(nil)
		r, n := w.until(21, 10, 20)
		if begun != 1 || r.Fired == "" || n > 20 {
			t.Errorf("told of %d times; %q after %d ticks", begun, r.Fired, n)
		}
		if !slices.ContainsFunc(r.Alerts, func(a Alert) bool { return a.ID == "metrics" && a.Over }) && n == 1 {
			t.Error("that it is over is not told")
		}
	}
}

func TestARestartIsNoCount(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.until(10, 1, 100)
	w.src.restart(w.clock.Now())
	for range 30 {
		if r := w.tick(1, 100); r.Fired != "" || !r.Sample.Counts["critical"].Known || r.Sample.Counts["critical"].Total != 100 {
			t.Fatalf("%+v", r.Sample.Counts)
		}
	}
}

// A clock that jumps forward and back leaves the rules neither firing nor blind.
func TestTheClockJumps(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	w.until(10, 0, 20)
	w.clock.advance(3 * time.Hour)
	if r := w.see(); r.Fired != "" {
		t.Fatal("it fires by a jump")
	}
	w.resume() // in the future
	w.clock.advance(-3 * time.Hour)
	if r := w.see(); r.Fired != "" {
		t.Fatal("it fires by a jump back")
	}
	if r, n := w.until(22, 10, 20); r.Fired == "" {
		t.Errorf("blind for %d ticks after the clock was set back", n)
	}
}

// A killed watch's samples are gone on with: the rule fires when it would have.
func TestAnotherWatchGoesOn(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	for range 12 {
		w.tick(4, 20)
	}
	w.watcher = w.begin(rules(false))
	if r, n := w.until(9, 4, 20); r.Fired != "critical" {
		t.Errorf("%q after %d more ticks", r.Fired, n)
	}
}

func TestATickWithoutTheRecordDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	for range 3 {
		w.tick(1, 20)
	}
	if err := w.watcher.Controller.Record.conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(15 * time.Second)
	if r, err := w.watcher.Tick(t.Context()); err == nil || r.Fired != "" {
		t.Errorf("%q, %v", r.Fired, err)
	}
}
