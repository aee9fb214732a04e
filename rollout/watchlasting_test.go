package rollout

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/rollout/instances"
)

// told are the alerts of a report: "drift", "over: drift".
func told(r Report) []string {
	var all []string
	for _, a := range r.Alerts {
		text := a.ID
		if a.Over {
			text = "over: " + text
		}
		all = append(all, text)
	}
	return all
}

// Guards against a lasting alert that every run of cron tells anew and none ends, and a
// watch that takes over and tells what was told: each look here is another watch's.
func TestWatchesThatLookOnceTellAnAlertOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	var mute atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if flags, err := w.store.Load(r.Context()); err == nil && !mute.Load() {
			writeFlag(out, flags[flagKey])
			return
		}
		http.Error(out, "not now", http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	var all []string
	looks := func(n int, bad, total float64) {
		for range n {
			w.watcher = w.begin(rules(false))
			w.watcher.Controller.Instances = instances.Client{Places: instances.Places{URLs: []string{server.URL}}}
			all = append(all, told(w.tick(bad, total))...)
		}
	}
	looks(3, 0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	looks(5, 0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 50`)
	mute.Store(true)
	looks(5, 0, 20)
	mute.Store(false)
	looks(2, 0, 20)
	looks(15, 3, 20)
	looks(22, 0, 20)
	want := []string{"drift", "over: drift", "instances", "over: instances", "error-rate", "over: error-rate"}
	if !slices.Equal(all, want) {
		t.Errorf("told: %q, want %q", all, want)
	}
}

// A watch that begins after a long time tells that what was told is over.
func TestWhatEndedWhileNobodyWatchedIsToldToBeOver(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	if got := told(w.tick(0, 20)); !slices.Equal(got, []string{"drift"}) {
		t.Fatalf("told: %q", got)
	}
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 50`)
	w.clock.advance(3 * time.Hour)
	w.src.scrape(w.clock.Now(), allOf, 0)
	w.src.scrape(w.clock.Now(), badOf, 0)
	w.watcher = w.begin(rules(false))
	if got := told(w.tick(0, 20)); !slices.Equal(got, []string{"over: drift"}) {
		t.Errorf("told: %q", got)
	}
}

// A record from before alerts were kept is read, and one that knows an alert which the
// release has no more tells nothing of it.
func TestARecordOfAnotherReleaseOrTime(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	w.tick(0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.rollout_samples SET sample = sample - 'firing' - 'late'`)
	w.watcher = w.begin(rules(false))
	if got := told(w.tick(0, 20)); !slices.Equal(got, []string{"drift"}) {
		t.Errorf("told: %q", got)
	}
	pgtest.Exec(t, w.target, `UPDATE clipperops.rollout_samples SET sample = jsonb_set(sample, '{firing}', '["drift", "no-longer-there"]')`)
	w.watcher = w.begin(rules(false))
	if r := w.tick(0, 20); len(r.Alerts) > 0 || !slices.Equal(r.Sample.Firing, []string{"drift"}) {
		t.Errorf("told: %q, kept: %q", told(r), r.Sample.Firing)
	}
}

// What could not be kept is told all the same, and once more by the next watch.
func TestAnAlertThatCannotBeKeptIsTold(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	killer, pid := pgtest.Connect(t, w.target), w.watcher.Controller.Record.conn.PgConn().PID()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		if _, err := killer.Exec(t.Context(), "SELECT pg_terminate_backend($1, 5000)", pid); err != nil {
			t.Error(err)
		}
		http.Error(out, "not now", http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	w.watcher.Controller.Instances = instances.Client{Places: instances.Places{URLs: []string{server.URL}}}
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	r := w.tick(0, 20)
	if !slices.Equal(told(r), []string{"drift"}) || !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.HasPrefix(p, "which alerts are on could not be kept: ") }) {
		t.Errorf("told: %q, problems: %q", told(r), r.Problems)
	}
	w.watcher = w.begin(rules(false))
	if got := told(w.tick(0, 20)); !slices.Equal(got, []string{"drift"}) {
		t.Errorf("told: %q", got)
	}
}

// Guards against an alert of an earlier stay that stays on, so that a page of the present
// one is never told: it is over with its stay, which is told once, and what goes on is told
// anew. Each look here is another watch's.
func TestAnAlertIsOverWithItsStay(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	var all []Alert
	looks := func(n int, bad, total float64) []string {
		var news []string
		for range n {
			w.watcher = w.begin(alertsAlone())
			r := w.tick(bad, total)
			news, all = append(news, told(r)...), append(all, r.Alerts...)
		}
		return news
	}
	on, over := []string{"error-rate", "many"}, []string{"over: error-rate", "over: many"}
	if got := slices.Sorted(slices.Values(looks(20, 10, 20))); !slices.Equal(got, on) {
		t.Fatalf("told: %q", got)
	}
	w.sets(w.operator("maria"), Exposure{}, "")
	if got := looks(2, 0, 0); !slices.Equal(got, over) {
		t.Fatalf("told when it was off: %q", got)
	}
	if words := all[len(all)-1].Words; !strings.Contains(words, "off") || !strings.Contains(words, "anew") {
		t.Errorf("why it is over: %q", words)
	}
	w.resume()
	w.sets(w.operator("maria"), percent(50), "50%")
	if got := slices.Sorted(slices.Values(looks(25, 10, 20))); !slices.Equal(got, on) {
		t.Errorf("told of the fresh stay: %q", got)
	}
	w.clock.advance(time.Second)
	w.resume() // nothing is lost by a stay that follows at once, nor told twice
	if got := looks(1, 10, 20); !slices.Equal(got, over) {
		t.Errorf("told when the next one began: %q", got)
	}
	if got := slices.Sorted(slices.Values(looks(30, 10, 20))); !slices.Equal(got, on) {
		t.Errorf("told of the next one: %q", got)
	}
}

// A watch that is killed after it has told that an alert is over, and before it kept that,
// leaves it to the next one: which tells it again, and what is new.
func TestAnAlertOfAnEarlierStayAfterAKill(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.watcher = w.begin(alertsAlone())
	for range 20 {
		w.tick(10, 20)
	}
	last := func() Sample {
		t.Helper()
		one, err := w.watcher.Controller.Record.LastSample(t.Context(), flagKey)
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	kept := last()
	w.clock.advance(time.Second)
	w.resume()
	over := []string{"over: error-rate", "over: many"}
	if got := told(w.tick(0, 0)); !slices.Equal(got, over) {
		t.Fatalf("told: %q", got)
	}
	killed := last()
	killed.Firing, killed.Stay = kept.Firing, kept.Stay
	if err := w.watcher.Controller.Record.AddSample(t.Context(), flagKey, killed); err != nil || len(kept.Firing) != 2 {
		t.Fatal(err, kept.Firing)
	}
	w.watcher = w.begin(alertsAlone())
	if got := told(w.tick(10, 20)); !slices.Equal(got, over) {
		t.Errorf("told by the next watch: %q", got)
	}
	var all []string
	for range 30 {
		all = append(all, told(w.tick(10, 20))...)
	}
	if slices.Sort(all); !slices.Equal(all, []string{"error-rate", "many"}) {
		t.Errorf("told of the present stay: %q", all)
	}
}

// The tick that takes the feature back ends what the stay's alerts were about.
func TestARollbackEndsTheStaysAlerts(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r := rules(false)
	r.Rollback = r.Rollback[1:] // a step down, after a quarter of an hour
	w.watcher = w.begin(r)
	var all []string
	fired := false
	for range 80 {
		seen := w.tick(8, 100)
		all = append(all, told(seen)...)
		if fired = seen.Fired != ""; fired {
			break
		}
	}
	if !fired || len(all) < 2 || all[0] != "error-rate" || all[len(all)-1] != "over: error-rate" {
		t.Errorf("fired: %t, told: %q", fired, all)
	}
	if on := listed(w.watcher.firing); len(on) > 0 {
		t.Errorf("on are %q", on)
	}
}

// What is on is told of by the newest look, of its own stay, while it speaks of now.
func TestAlertsOn(t *testing.T) {
	t.Parallel()
	r, at := rules(false), func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	look := func(minutes, stay int, firing ...string) Sample {
		return Sample{At: at(minutes), Stay: at(stay), Firing: firing}
	}
	samples := []Sample{look(1, -9, "error-rate", "drift"), look(2, 0, "drift"), look(3, 0, "drift", "error-rate"), look(4, 0, "gone", "drift", "error-rate")}
	for name, c := range map[string]struct {
		samples   []Sample
		stay, now int
		want      []On
	}{
		"now": {samples, 0, 5, []On{
			{"drift", "somebody has changed the flag behind the rollout's back", at(1), at(4)}, {"error-rate", "errors", at(3), at(4)},
		}},
		"a stay later":         {samples, 5, 5, []On{{"drift", "somebody has changed the flag behind the rollout's back", at(1), at(4)}}},
		"long ago":             {samples, 0, 11, nil},
		"a clock a bit behind": {samples[:1], -9, 0, []On{{"error-rate", "errors", at(1), at(1)}, {"drift", "somebody has changed the flag behind the rollout's back", at(1), at(1)}}},
		"all is well":          {append(slices.Clone(samples), look(5, 0)), 0, 5, nil},
		"nobody has looked":    {nil, 0, 5, nil},
	} {
		if got := AlertsOn(r, State{Clean: at(c.stay)}, c.samples, at(c.now)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
