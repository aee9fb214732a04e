package rollout

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestOfTwoOperatorsOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.operator("alice"), w.operator("bob")
	w.sets(alice, percent(10), "10%")
	for round := range 10 {
		v := w.look(alice)
		var wins int
		var mu sync.Mutex
		var both sync.WaitGroup
		for i, c := range []*Controller{alice, bob} {
			both.Go(func() {
				to := percent(11 + 2*round + i)
				d, err := c.Do(t.Context(), v, Change{Kind: KindSet, To: to, Phase: "10%"}, nil)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && d.Recorded == nil {
					wins++
				} else if !errors.As(err, new(*ChangedError)) && !errors.As(err, new(*featureflag.Conflict)) && !errors.As(err, new(*BusyError)) {
					t.Errorf("%v, %v", err, d.Recorded)
				}
			})
		}
		both.Wait()
		if v = w.look(alice); wins != 1 || v.Drifted() || v.State.Pending != nil {
			t.Fatalf("%d won; %+v", wins, v)
		}
	}
	if n := len(w.history(alice)); n != 11 {
		t.Errorf("%d events", n)
	}
}

// Guards against a kill switch that loses against somebody who raises, and against a
// record that says the opposite afterwards.
func TestLessWinsAgainstMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.operator("alice"), w.operator("bob")
	for range 50 {
		w.sets(alice, percent(10), "10%")
		v := w.look(alice)
		var both sync.WaitGroup
		both.Go(func() { _, _ = bob.Do(t.Context(), v, Change{Kind: KindAdvance, To: percent(50), Phase: "50%"}, nil) })
		both.Go(func() {
			if d, err := alice.Do(t.Context(), v, Change{Kind: KindOff, To: Exposure{}}, nil); err != nil || d.Recorded != nil {
				t.Errorf("off: %v, %v", err, d.Recorded)
			}
		})
		both.Wait()
		w.clock.advance(time.Minute)
		v = w.look(alice)
		if v.Actual().Enabled || v.Drifted() || v.State.Pending != nil || v.State.Phase != "" {
			t.Fatalf("the flag is at %s; recorded is %+v", v.Actual(), v.State)
		}
	}
}

// The one that raised is recorded last, and the record still says what is true.
func TestWhoRecordsLastIsNotWhoWroteLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.operator("alice"), w.operator("bob")
	w.sets(alice, percent(10), "10%")
	v := w.look(alice)
	bob.Store = &faulty{Writer: w.store, after: func() error {
		_, err := alice.Do(t.Context(), v, Change{Kind: KindOff, To: Exposure{}}, nil)
		return err
	}}
	d, err := bob.Do(t.Context(), w.look(bob), Change{Kind: KindAdvance, To: percent(50), Phase: "50%"}, nil)
	if err != nil || d.Recorded != nil {
		t.Fatalf("%v, %v", err, d.Recorded)
	}
	if v = w.look(alice); v.Drifted() || v.State.Phase != "" || v.State.Pending != nil || v.Actual().Enabled {
		t.Errorf("%+v", v)
	}
	if e := w.history(alice)[0]; e.By != "bob" || !strings.Contains(e.Text, "changed again since: the flag was found at off") {
		t.Errorf("%+v", e)
	}
}

func TestLessAgainstAStaleVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile, to, want Exposure
		conflict            bool
	}{
		"raised":                 {percent(80), percent(20), percent(20), false},
		"lowered further":        {percent(5), percent(20), percent(5), true},
		"off":                    {Exposure{}, percent(20), Exposure{}, true},
		"lowered less":           {percent(30), percent(20), percent(20), false},
		"the same":               {percent(20), percent(20), percent(20), false},
		"another user taken out": {Exposure{true, 5000, []string{"b"}}, Exposure{true, 2000, []string{"a", "b"}}, Exposure{true, 2000, []string{"b"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice, bob := w.operator("alice"), w.operator("bob")
			w.sets(alice, Exposure{true, 5000, []string{"a", "b"}}, "50%")
			stale := w.look(alice)
			w.sets(bob, c.meanwhile, "")
			d, err := alice.Do(t.Context(), stale, Change{Kind: KindSet, To: c.to, Phase: "10%"}, nil)
			if errors.As(err, new(*featureflag.Conflict)) != c.conflict || !c.conflict && (err != nil || d.Recorded != nil) {
				t.Errorf("%v, %v", err, d.Recorded)
			}
			if v := w.look(bob); !v.Actual().Same(c.want) || v.Drifted() || v.State.Pending != nil {
				t.Errorf("%s, recorded %+v", v.Actual(), v.State)
			}
		})
	}
}

// A look between another's intent, write and record tells of no drift.
func TestALookMeanwhileSeesNoDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.operator("alice"), w.operator("bob")
	w.sets(alice, percent(10), "10%")
	once := sync.OnceFunc(func() { w.sets(alice, percent(20), "10%") })
	bob.Store = &faulty{Writer: w.store, load: func() error { once(); return nil }} // after bob has read the record
	if v := w.look(bob); v.Drifted() || !v.State.Exposure.Same(percent(20)) {
		t.Errorf("%+v", v)
	}
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	if v := w.look(bob); !v.Drifted() {
		t.Error("what was changed by hand is not noticed")
	}
}
