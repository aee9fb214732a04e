package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/pgtest"
)

func writeFlag(out http.ResponseWriter, f featureflag.Flag) {
	_ = json.NewEncoder(out).Encode(map[string]any{"instance": "api", "flags": []map[string]any{{
		"key": f.Key, "enabled": f.Enabled, "percentage": f.Percentage, "enabled_users": len(f.Users()), "version": f.Version,
	}}})
}

func TestAChangeIsNotedWrittenRecordedAndFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	c.Instances = w.instance()
	store := &faulty{Writer: w.store}
	store.before = func() error { // the intent is there before the store is touched
		s, err := c.Record.Load(t.Context(), flagKey)
		if err != nil || s.Pending == nil || s.Pending.To.Percentage != 1000 || s.Pending.By != "alice" {
			t.Errorf("before the write stands %+v, %v", s.Pending, err)
		}
		return nil
	}
	c.Store = store
	d := w.sets(c, percent(10), "10%")
	if !d.Complete() || len(d.Followed.Instances) != 1 {
		t.Errorf("%+v", d)
	}
	v := w.look(c)
	if v.State.Pending != nil || v.State.Phase != "10%" || !v.State.Exposure.Same(percent(10)) || v.Drifted() || v.Note != "" {
		t.Errorf("%+v", v)
	}
	if events := w.history(c); len(events) != 1 || events[0].By != "alice" || events[0].To.Percentage != 1000 {
		t.Errorf("%+v", events)
	}
}

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
	if _, err := c.Do(t.Context(), v, Change{Kind: KindAdvance, To: percent(50), Phase: "50%"}, nil); !errors.Is(err, errLost) || !strings.Contains(err.Error(), "not known") {
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

func TestTooManyUsersChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.operator("alice")
	many := Exposure{Enabled: true}
	for i := range featureflag.MaxUsers + 1 {
		many.Users = append(many.Users, fmt.Sprint(i))
	}
	if _, err := c.Do(t.Context(), w.look(c), Change{Kind: KindUsers, To: many}, nil); err == nil || !strings.Contains(err.Error(), "at most 10000") {
		t.Errorf("%v", err)
	}
	if v := w.look(c); v.State.Version != 0 || v.Flag.Version != 0 {
		t.Errorf("%+v", v)
	}
}

// With the record's database gone the feature can be taken back, and nothing else.
func TestOffWithoutTheRecord(t *testing.T) {
	t.Parallel()
	w, path := newFileWorld(t)
	if err := os.WriteFile(path, []byte("OTHER=1\nFEATURE_TWITCH_MODERATION=true\nFEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE=50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := w.operator("alice")
	seen := w.look(c)
	gone := pgtest.Connect(t, w.target)
	c.Record.conn = gone
	if err := gone.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Look(t.Context()); err == nil {
		t.Error("a strict look goes on without the record")
	}
	if _, err := c.Do(t.Context(), seen, Change{Kind: KindAdvance, To: percent(100)}, nil); err == nil {
		t.Error("more was made without the record")
	}
	d, err := c.Do(t.Context(), seen, Change{Kind: KindOff, To: Exposure{}}, nil)
	if err != nil || d.Recorded == nil {
		t.Errorf("%v, %v", err, d.Recorded)
	}
	c.Lax = true
	v := w.look(c)
	if c.Record != nil || c.RecordErr == nil || v.Actual().Enabled || v.Drifted() {
		t.Errorf("%+v, %v", v, c.RecordErr)
	}
	if d, err = c.Do(t.Context(), v, Change{Kind: KindOff, To: Exposure{}}, nil); err != nil || d.Recorded == nil {
		t.Errorf("%v, %v", err, d.Recorded)
	}
	// Once the database answers, what was done without it is seen.
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), "OTHER=1") {
		t.Errorf("%s", text)
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

func TestOneWatchLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := pgtest.Connect(t, w.target), pgtest.Connect(t, w.target)
	lead := func(want bool) bool {
		led, err := Lead(context.Background(), second, flagKey)
		return err == nil && led == want
	}
	if led, err := Lead(t.Context(), first, flagKey); err != nil || !led || !lead(false) {
		t.Fatalf("the first leads: %v, %v", led, err)
	}
	if led, err := Lead(t.Context(), second, "another"); err != nil || !led {
		t.Errorf("another flag is kept from being watched: %v", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, func() bool { return lead(true) }, "the second takes over")
}
