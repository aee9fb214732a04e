package rollout

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// apart is a controller on a machine whose clock is that much ahead of the record's, which is
// the world's.
func (w *world) apart(c *Controller, ahead time.Duration) *Controller {
	c.Now = func() time.Time { return w.clock.Now().Add(ahead) }
	c.RecordTime = func(context.Context, *pgx.Conn) (time.Time, error) { return w.clock.Now(), nil }
	return c
}

// TestWhenAStayBeganIsByTheRecordsClock: an operator's clock neither shortens a soak nor makes
// a sign-off one of the stay before.
func TestWhenAStayBeganIsByTheRecordsClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ahead, behind := w.apart(w.operator("alice"), 73*time.Hour), w.apart(w.operator("bob"), -40*time.Second)
	w.sets(ahead, percent(10), "10%")
	w.clock.advance(time.Second)
	v := w.look(behind)
	if !v.State.Since.Equal(noon) || !v.State.Clean.Equal(noon) || !w.history(behind)[0].At.Equal(noon) {
		t.Errorf("since %s, clean %s, recorded %s", v.State.Since, v.State.Clean, w.history(behind)[0].At)
	}
	next := v.State
	next.SignOffs = []Signature{{Criterion: "reviewed", Phase: "10%", By: "bob", At: behind.Stamp()}}
	if _, err := behind.Update(t.Context(), next, Event{Kind: KindSignOff}); err != nil {
		t.Fatal(err)
	}
	v = w.look(ahead)
	if _, counts := v.State.signed("reviewed"); !counts {
		t.Errorf("signed at %s: of another stay than since %s", v.State.SignOffs[0].At, v.State.Since)
	}
	if soaked := soak(plan()[plan().At("10%")], v.State, ahead.Stamp()); soaked.Verdict != "hold" {
		t.Errorf("soaked after a second: %s", soaked.Words)
	}
}

// TestTheWatchCountsFromTheStaysBeginningByItsOwnClock, which metrics are asked by.
func TestTheWatchCountsFromTheStaysBeginningByItsOwnClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-40 * time.Second, 0, 40 * time.Second} {
		w := newWatched(t, false)
		w.apart(w.watcher.Controller, ahead)
		w.clock.advance(7 * time.Second)
		w.sets(w.apart(w.operator("bob"), -ahead), percent(10), "10%")
		w.clock.advance(8 * time.Second)
		r := w.see()
		began := noon.Add(7*time.Second + ahead)
		if !r.Sample.From.Equal(began) || !r.Sample.Ahead.IsZero() {
			t.Errorf("ahead by %s: counted from %s, want %s; clean ahead: %s", ahead, r.Sample.From, began, r.Sample.Ahead)
		}
		said := slices.ContainsFunc(r.Problems, func(p string) bool { return strings.HasPrefix(p, "clock: ") })
		if said != (ahead != 0) {
			t.Errorf("ahead by %s: %q", ahead, r.Problems)
		}
	}
}

func TestClocksApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for ahead, want := range map[time.Duration]string{
		400 * time.Millisecond: "",
		-4 * time.Second:       "",
		42 * time.Second:       "the clock of ops1 is 42 s ahead of the database's",
		-90 * time.Minute:      "the clock of ops1 is 90 min behind the database's",
	} {
		c := w.apart(w.operator("alice"), ahead)
		w.look(c)
		if got := c.ClocksApart(); got != want {
			t.Errorf("%s: %q, want %q", ahead, got, want)
		}
	}
	c := w.operator("alice")
	c.Now, c.RecordTime = time.Now, DatabaseTime // the server runs on this machine
	w.look(c)
	if c.ClocksApart() != "" || time.Until(c.Stamp()).Abs() > time.Minute {
		t.Errorf("%q, %s", c.ClocksApart(), c.Stamp())
	}
}
