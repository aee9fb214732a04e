package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/release"
)

func TestDriftAndAlertsAreToldOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.tick(0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	var all []string
	tick := func(n int, bad, total float64) {
		for range n {
			all = append(all, told(w.tick(bad, total))...)
		}
	}
	tick(5, 0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 50`)
	tick(2, 0, 20)
	tick(15, 3, 20)
	tick(22, 0, 20)
	if want := []string{"drift", "over: drift", "error-rate", "over: error-rate"}; !slices.Equal(all, want) {
		t.Errorf("told: %q, want %q", all, want)
	}
}

// alertsAlone are the rules' alerts, with one for each minute's errors and no rule.
func alertsAlone() *release.Rollout {
	r := rules(false)
	r.Rollback = nil
	r.Alerts = append(r.Alerts, release.Alert{ID: "many", Title: "many errors", Kind: release.AlertRate, Level: "warning", Bad: badOf, PerMinute: 10, For: 5 * time.Minute})
	return r
}

// Guards against a page, at once after resuming, for what failed before the rollback.
func TestNobodyIsWokenByWhatWasBeforeTheStay(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	for range 12 {
		w.clock.advance(15 * time.Second)
		w.src.scrape(w.clock.Now(), allOf, 20)
		w.src.scrape(w.clock.Now(), badOf, 20)
	}
	w.resume()
	w.watcher = w.begin(alertsAlone())
	if r := w.see(); len(r.Alerts) > 0 { // at the moment the stay begins, of which nothing can be counted
		t.Fatalf("%+v", r.Alerts)
	}
	for i := range 25 {
		if r := w.tick(0, 20); len(r.Alerts) > 0 {
			t.Fatalf("look %d: %+v", i, r.Alerts)
		}
	}
	var all []string
	for range 20 {
		all = append(all, told(w.tick(10, 20))...)
	}
	if want := []string{"error-rate", "many"}; !slices.Equal(all, want) {
		t.Errorf("of what fails since is told: %q, want %q", all, want)
	}
}

// Guards against "more than 5% errors for 5 minutes: 7 errors in 7", told two seconds after
// the rollback by a scrape of before it: neither then nor when five minutes have passed.
func TestWhatIsScrapedAfterAChangeIsOfBefore(t *testing.T) {
	t.Parallel()
	for _, often := range []time.Duration{5 * time.Second, 55 * time.Second} {
		w := newWatched(t, false)
		w.tick(0, 20)
		w.clock.advance(time.Second)
		w.resume()
		r := alertsAlone()
		r.Alerts[1].PerMinute, r.Alerts[1].For = 1, time.Minute
		w.watcher = w.begin(r)
		w.watcher.Every = time.Second
		for i := range 10 * time.Minute / time.Second {
			w.clock.advance(time.Second)
			if i%(often/time.Second) == 1 {
				errors := 0.0
				if i < often/time.Second {
					errors = 7
				}
				w.src.scrape(w.clock.Now(), allOf, errors)
				w.src.scrape(w.clock.Now(), badOf, errors)
			}
			if i%7 != 0 && i > 30 {
				continue
			}
			if r := w.see(); len(r.Alerts) > 0 {
				t.Fatalf("scraped every %s, after %s: %+v", often, i*time.Second, r.Alerts)
			}
		}
	}
}

// What goes on for 5 minutes is told when so much of the stay lies behind, and the scrape
// that began before it; also where little comes.
func TestWhatGoesOnInAYoungStayIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bad, total float64 }{"much": {10, 20}, "little": {1, 1}, "a quarter of little": {1, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, false)
			w.tick(0, c.total)
			w.clock.advance(time.Second)
			w.resume()
			began := w.clock.Now()
			r := rules(false)
			r.Rollback = nil
			w.watcher = w.begin(r)
			for range 40 {
				if r := w.tick(c.bad, c.total); len(r.Alerts) > 0 {
					if stay := w.clock.Now().Sub(began); stay < 5*time.Minute || stay > 6*time.Minute {
						t.Errorf("told after %s: %+v", stay, r.Alerts)
					}
					return
				}
			}
			t.Error("it is not told")
		})
	}
}

// A Prometheus that was only now begun knows of no five minutes, however long the stay is.
func TestAnAlertNeedsToKnowOfItsTime(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r := rules(false)
	r.Rollback = nil
	w.watcher = w.begin(r)
	w.clock.advance(time.Hour)
	w.src.series = nil
	for i := 1; i <= 30; i++ {
		if slices.Contains(told(w.tick(10, 20)), "error-rate") {
			if known := time.Duration(i-1) * 15 * time.Second; known < 4*time.Minute || known > 5*time.Minute {
				t.Errorf("told when %s were known", known)
			}
			return
		}
	}
	t.Error("it is not told")
}

// Guards against "over: 8 errors in 72 (11.1%), not told from 5%", and an alert that comes
// and goes with few requests: what cannot be told neither begins one nor ends it.
func TestWhatCannotBeToldEndsNoAlert(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.watcher = w.begin(alertsAlone())
	var all []Alert
	tick := func(n int, bad, total float64) {
		for range n {
			all = append(all, w.tick(bad, total).Alerts...)
		}
	}
	tick(20, 1, 4) // a quarter of 80
	for range 10 { // a tenth of 80, by which nothing is told
		tick(1, 1, 4)
		tick(1, 1, 4)
		tick(8, 0, 4)
	}
	if len(all) != 1 || all[0].ID != "error-rate" || all[0].Over {
		t.Fatalf("told: %+v", all)
	}
	tick(25, 0, 1) // too few to tell, and none of them bad
	if len(all) != 2 || !all[1].Over || !strings.Contains(all[1].Words, "in 5 min") {
		t.Errorf("told: %+v", all)
	}
}

// Without a request an alert ends when the time that it looks back on has wholly passed;
// not by a time of which nothing was known.
func TestAnAlertEndsWithoutTraffic(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.watcher = w.begin(alertsAlone())
	for range 20 {
		w.tick(2, 4)
	}
	if !w.watcher.firing["error-rate"] {
		t.Fatal("it does not begin")
	}
	w.src.set(&metrics.Unavailable{Where: "memory", What: "away"})
	for range 50 {
		w.clock.advance(15 * time.Second)
		if r := w.see(); slices.Contains(told(r), "over: error-rate") {
			t.Fatalf("it is over while nothing can be asked: %+v", r.Alerts)
		}
	}
	w.src.set(nil)
	ended := 0
	for i := 1; i <= 25 && ended == 0; i++ {
		for _, a := range w.tick(0, 0).Alerts {
			if a.ID == "error-rate" && a.Over && strings.Contains(a.Words, "nothing") {
				ended = i
			}
		}
	}
	if ended < 10 || ended > 21 {
		t.Errorf("it ends at look %d", ended)
	}
}

// Guards against "metrics cannot be asked: no data" at the first look after a change, since
// when there were not two scrapes: also with another watch at each look, as by cron.
func TestOneLookWithoutDataIsNoNews(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.tick(0, 20)
	w.src.series = nil // another service, whose feature nobody has used yet
	var all []string
	look := func() {
		w.clock.advance(90 * time.Second)
		w.watcher = w.begin(rules(false))
		all = append(all, told(w.see())...)
	}
	w.clock.advance(time.Second)
	w.resume()
	look()
	if len(all) > 0 {
		t.Errorf("told at the first look: %q", all)
	}
	look()
	if want := []string{"metrics"}; !slices.Equal(all, want) {
		t.Errorf("told by the second: %q, want %q", all, want)
	}
	w.src.scrape(w.clock.Now(), allOf, 0)
	w.src.scrape(w.clock.Now(), badOf, 0)
	w.src.scrape(w.clock.Now().Add(time.Minute), allOf, 20)
	w.src.scrape(w.clock.Now().Add(time.Minute), badOf, 0)
	look()
	look() // finds nothing, which is no news yet
	if want := []string{"metrics", "over: metrics"}; !slices.Equal(all, want) {
		t.Errorf("told: %q, want %q", all, want)
	}
}

// What is wrong is told at once, and is not hidden behind what there is no data of yet.
func TestMetricsThatFailAreToldAtOnce(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"away": "", "beside what there is no data of": "unused_total"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, false)
			r := rules(false)
			if more == "" {
				w.src.set(&metrics.Unavailable{Where: "memory", What: "away"})
			} else {
				other := r.Rollback[0]
				other.ID, other.Total, other.Bad = "unused", more, more+`{result="error"}`
				r.Rollback = append(r.Rollback, other)
			}
			w.watcher = w.begin(r)
			got := w.tick(40, 20) // more bad ones than there were
			if !slices.Equal(told(got), []string{"metrics"}) || strings.Contains(got.Alerts[0].Words, "no data") {
				t.Errorf("told: %+v", got.Alerts)
			}
		})
	}
}
