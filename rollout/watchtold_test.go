package rollout

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/rollout/instances"
)

// teller tells people, or does not come to it.
type teller struct {
	reports []Report
	mute    bool
}

func (p *teller) tell(_ context.Context, r Report) <-chan struct{} {
	p.reports = append(p.reports, r)
	told := make(chan struct{})
	if !p.mute {
		close(told)
	}
	return told
}

// Guards against a rollback whose page waits for an instance that hangs, and is lost when
// the watch is killed meanwhile: it is told, and that it was is kept, before the instance
// has answered.
func TestARollbackIsToldBeforeInstancesAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	people := &teller{}
	var toldAt State
	var history []Event
	w.watcher.Tell = func(ctx context.Context, r Report) <-chan struct{} {
		toldAt, history = w.look(w.operator("bob")).State, w.history(w.operator("bob"))
		return people.tell(ctx, r)
	}
	reader := pgtest.Connect(t, w.target)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		flags, err := w.store.Load(r.Context())
		for err == nil && !flags[flagKey].Enabled { // it hangs, until what is asked of the watch is done
			var kept bool
			err = reader.QueryRow(r.Context(), `SELECT state ? 'halted' AND NOT state ? 'untold' FROM clipperops.rollouts`).Scan(&kept)
			if kept {
				break
			}
		}
		if err != nil {
			http.Error(out, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeFlag(out, flags[flagKey])
	}))
	t.Cleanup(server.Close)
	w.watcher.Controller.Instances = instances.Client{Places: instances.Places{URLs: []string{server.URL}}}
	w.watcher.Controller.Timeout = 20 * time.Second
	r, _ := w.until(40, 15, 20)
	if r.Fired == "" || len(people.reports) != 1 {
		t.Fatalf("fired %q, told %d times", r.Fired, len(people.reports))
	}
	if one := people.reports[0]; one.Fired != r.Fired || one.Found || one.Done.Waited || len(one.Done.Followed.Instances) > 0 || one.Rules[one.Fired].Words == "" {
		t.Errorf("told %+v", one)
	}
	if toldAt.Halted == nil || !toldAt.Exposure.Same(Exposure{}) || history[0].Kind != KindRollback {
		t.Errorf("when it was told the record held %+v", toldAt)
	}
	if !r.Done.Waited || !r.Done.Complete() || len(r.Done.Followed.Instances) != 1 {
		t.Errorf("arrived: %+v", r.Done)
	}
}

// Guards against a rollback that nobody hears of: the watch that made it was killed before
// it told, and each look here is another watch's.
func TestARollbackThatNobodyWasToldOfIsToldOnceByTheNextWatch(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	people := &teller{mute: true}
	w.watcher.Tell = people.tell
	made, _ := w.until(40, 15, 20)
	if made.Fired == "" || len(people.reports) != 1 {
		t.Fatalf("fired %q, told %d times", made.Fired, len(people.reports))
	}
	for _, mute := range []bool{true, false, false, false} {
		people.mute = mute
		w.watcher = w.begin(rules(false))
		w.watcher.Tell = people.tell
		w.tick(0, 20)
	}
	if n := len(people.reports); n != 3 {
		t.Fatalf("told %d times", n)
	}
	one := people.reports[2]
	if c, want := one.Done.Change, made.Done.Change; !one.Found || !c.Is(want) || c.Reason != want.Reason || !c.From.Same(want.From) || c.Rule != made.Fired || one.Fired != made.Fired {
		t.Errorf("told %+v, was made %+v", one.Done.Change, made.Done.Change)
	}
}

// A watch that was killed before it recorded the change did not tell of it either.
func TestARollbackThatIsFoundDoneIsTold(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	people := &teller{}
	made, _ := w.until(40, 15, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.rollouts SET state = (state - 'halted' - 'untold') || jsonb_build_object('pending', state->'untold')`)
	w.look(w.operator("alice"))
	w.clock.advance(2 * underWay)
	w.watcher = w.begin(rules(false))
	w.watcher.Tell = people.tell
	if r := w.tick(0, 20); r.View.Note == "" || len(people.reports) != 1 || !people.reports[0].Done.Change.Is(made.Done.Change) {
		t.Errorf("found %q, told %d times", r.View.Note, len(people.reports))
	}
}

// Nobody is woken by a rollback from before it was kept who was told, nor by one after which
// a person has let it go on.
func TestARollbackThatIsNoNewsIsNotTold(t *testing.T) {
	t.Parallel()
	for name, since := range map[string]func(*watched){
		"an older record": func(w *watched) {
			pgtest.Exec(w.t, w.target, `UPDATE clipperops.rollouts SET state = state - 'untold'`)
		},
		"resumed": (*watched).resume,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, false)
			people := &teller{}
			if r, _ := w.until(40, 15, 20); r.Fired == "" {
				t.Fatal("nothing fired")
			}
			since(w)
			w.watcher = w.begin(rules(false))
			w.watcher.Tell = people.tell
			if w.tick(0, 20); len(people.reports) != 0 {
				t.Errorf("told %+v", people.reports)
			}
		})
	}
}
