package rollout

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/pgtest"
)

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
