package rollout

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// What is true after a kill, and does the next command say so, once?
func TestKilledOnItsWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(*faulty, func() error)
		done  bool
		says  string
	}{
		"before the write": {func(f *faulty, die func() error) { f.before = die }, false, "it is not done"},
		"after the write":  {func(f *faulty, die func() error) { f.after = die }, true, "it is done, and recorded now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice := w.operator("alice")
			w.sets(alice, percent(10), "10%")
			store := &faulty{Writer: w.store}
			c.fault(store, func() error { panic("killed") })
			alice.Store = store
			v := w.look(alice)
			killed(t, func() { _, _ = alice.Do(t.Context(), v, Change{Kind: KindAdvance, To: percent(50), Phase: "50%"}, nil) })

			// At first it may be hers who is still at it.
			bob, carol := w.operator("bob"), w.operator("carol")
			now := w.look(bob)
			var busy *BusyError
			if _, err := bob.Do(t.Context(), now, Change{Kind: KindSet, To: percent(100)}, nil); !errors.As(err, &busy) || busy.Change.By != "alice" {
				t.Errorf("more while another change is under way: %v", err)
			}
			w.clock.advance(time.Minute)
			var notes []string
			var mu sync.Mutex
			var both sync.WaitGroup
			for _, one := range []*Controller{bob, carol} {
				both.Go(func() {
					v, err := one.Look(t.Context())
					if err != nil || v.State.Pending != nil || v.Drifted() {
						t.Errorf("%+v, %v", v, err)
					}
					mu.Lock()
					defer mu.Unlock()
					if v.Note != "" {
						notes = append(notes, v.Note)
					}
				})
			}
			both.Wait()
			if len(notes) != 1 || !strings.Contains(notes[0], c.says) || !strings.Contains(notes[0], "alice began to set 10% → 50%") {
				t.Errorf("it is said: %q", notes)
			}
			v = w.look(bob)
			want, phase := percent(10), "10%"
			if c.done {
				want, phase = percent(50), "50%"
			}
			if v.Note != "" || !v.State.Exposure.Same(want) || v.State.Phase != phase {
				t.Errorf("%+v", v)
			}
			if events := w.history(bob); len(events) != 2 || events[0].Text == "" {
				t.Errorf("%+v", events)
			}
		})
	}
}

// A note from before the clock was set back is in the future, and not under way for hours.
func TestAClockSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	w.sets(c, percent(10), "10%")
	w.clock.advance(-3 * time.Hour)
	w.sets(c, percent(20), "10%")
	s, err := c.Record.Load(t.Context(), flagKey)
	if err != nil {
		t.Fatal(err)
	}
	s.Pending = &Change{Kind: KindSet, From: percent(20), To: percent(50), By: "bob", At: noon}
	if _, err := c.Record.Save(t.Context(), s, "bob"); err != nil {
		t.Fatal(err)
	}
	if v := w.look(c); v.State.Pending != nil || !strings.Contains(v.Note, "not done") {
		t.Errorf("%+v", v)
	}
	if since := w.look(c).State.Since; !since.Equal(noon.Add(-3 * time.Hour)) {
		t.Errorf("the stay began %s", since)
	}
}

// A lost connection after the store has it is no drift behind anybody's back.
func TestAWriteWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	store := &faulty{Writer: w.store, after: func() error { return errLost }}
	c.Store = store
	w.sets(c, percent(10), "10%")
	if v := w.look(c); v.Drifted() || v.State.Phase != "10%" {
		t.Errorf("%+v", v)
	}
	// Nor when the store cannot even be asked: the next look settles it.
	v := w.look(c)
	store.load = func() error { return errLost }
	if _, err := c.Do(t.Context(), v, Change{Kind: KindAdvance, To: percent(50), Phase: "50%"}, nil); !errors.Is(err, errLost) || !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("%v", err)
	}
	store.load = nil
	w.clock.advance(time.Minute)
	if v = w.look(c); v.Drifted() || v.State.Phase != "50%" || !strings.Contains(v.Note, "it is done") {
		t.Errorf("%+v", v)
	}
}

func TestAStoreThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	w.sets(c, percent(10), "10%")
	c.Store = &faulty{Writer: w.store, before: func() error { return os.ErrPermission }}
	for _, to := range []Exposure{percent(50), {}} {
		d, err := c.Do(t.Context(), w.look(c), Change{Kind: KindSet, To: to, Phase: "50%"}, nil)
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("%+v, %v", d, err)
		}
		if v := w.look(c); v.State.Pending != nil || v.State.Phase != "10%" || v.Drifted() || len(w.history(c)) != 1 {
			t.Errorf("%+v", v)
		}
	}
}
