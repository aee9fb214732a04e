package rollout

import (
	"errors"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against a record that says "20% → 20%" of what somebody else raised.
func TestWhatIsAdoptedIsToldFromWhereTheRolloutLeftIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	w.sets(c, percent(10), "10%")
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 20`)
	w.clock.advance(time.Hour)
	v := w.look(c)
	d, err := c.Do(t.Context(), v, plan().Adopt(v), nil)
	if err != nil || d.Recorded != nil {
		t.Fatalf("%v, recorded: %v", err, d.Recorded)
	}
	if e := w.history(c)[0]; e.Kind != KindAdopt || !e.From.Same(percent(10)) || !e.To.Same(percent(20)) {
		t.Errorf("recorded is %s: %s → %s", e.Kind, e.From, e.To)
	}
	// What was counted at 10% says nothing of 20%.
	if v = w.look(c); v.Drifted() || v.State.Phase != "10%" || !v.State.Since.Equal(w.clock.Now()) {
		t.Errorf("%+v", v.State)
	}
}

// Guards against an adoption that goes over what somebody set after it was looked at: it
// takes what was seen, and nothing else.
func TestWhatIsNoLongerThereIsNotAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	w.sets(c, percent(50), "50%")
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 20`)
	v := w.look(c)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 30`)
	if _, err := c.Do(t.Context(), v, plan().Adopt(v), nil); !errors.As(err, new(*featureflag.Conflict)) {
		t.Errorf("%v", err)
	}
	if v = w.look(c); !v.Actual().Same(percent(30)) || !v.Drifted() || v.State.Pending != nil || len(w.history(c)) != 1 {
		t.Errorf("the flag is at %s, recorded %+v", v.Actual(), v.State)
	}
}

// Guards against a drift that is nobody's any more because a name was taken back over it:
// what is recorded keeps the rollout's own percentage, also when whoever began it was killed.
func TestNamesAloneAreRecordedOverADrift(t *testing.T) {
	t.Parallel()
	own := Exposure{Enabled: true, Percentage: 1000, Users: []string{"a", "b"}}
	for name, dies := range map[string]bool{"recorded": false, "killed before it was recorded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.operator("alice")
			w.sets(c, own, "10%")
			pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 90, enabled_users = '{a,b,c}'`)
			v := w.look(c)
			if dies {
				c.Store = &faulty{Writer: w.store, after: func() error { panic("killed") }}
				killed(t, func() { _, _ = c.Do(t.Context(), v, plan().Users(v, nil, []string{"b"}), nil) })
				w.clock.advance(time.Minute)
				c = w.operator("bob")
			} else if d, err := c.Do(t.Context(), v, plan().Users(v, nil, []string{"b"}), nil); err != nil || d.Recorded != nil {
				t.Fatalf("%v, recorded: %v", err, d.Recorded)
			}
			v = w.look(c)
			if want := (Exposure{Enabled: true, Percentage: 9000, Users: []string{"a", "c"}}); !v.Actual().Same(want) {
				t.Errorf("the flag is at %+v", v.Actual())
			}
			if want := (Exposure{Enabled: true, Percentage: 1000, Users: []string{"a"}}); !v.State.Exposure.Same(want) || !v.Drifted() {
				t.Errorf("recorded is %+v", v.State.Exposure)
			}
		})
	}
}

// Guards against names that become the rollout's own because the percentage was lowered: they
// are still somebody else's, until they are adopted or taken back.
func TestAPercentageAdoptsNoNames(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(View) Change{
		"set": func(v View) Change {
			c, _ := plan().Set(v, 500, false)
			return c
		},
		"off":     plan().Off,
		"by rule": func(v View) Change { c := plan().Off(v); c.Kind = KindRollback; return c },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.operator("alice")
			w.sets(c, Exposure{Enabled: true, Percentage: 1000, Users: []string{"a", "b"}}, "10%")
			pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET enabled_users = '{b,c}'`)
			v := w.look(c)
			if d, err := c.Do(t.Context(), v, change(v), nil); err != nil || d.Recorded != nil {
				t.Fatalf("%v, recorded: %v", err, d.Recorded)
			}
			v = w.look(c)
			want := change(v).To
			want.Users = []string{"a", "b"}
			if !v.State.Exposure.Same(want) || !v.Drifted() {
				t.Errorf("recorded is %+v, want %+v; the flag is at %+v", v.State.Exposure, want, v.Actual())
			}
			if d, err := c.Do(t.Context(), v, plan().Adopt(v), nil); err != nil || d.Recorded != nil {
				t.Fatalf("%v, recorded: %v", err, d.Recorded)
			}
			if v = w.look(c); v.Drifted() {
				t.Errorf("adopted is %+v of %+v", v.State.Exposure, v.Actual())
			}
		})
	}
}
