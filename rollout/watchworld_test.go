package rollout

import (
	"testing"
	"time"

	"github.com/clipper/clipperops/release"
)

const (
	allOf  = `bans_total`
	badOf  = `bans_total{result="error"}`
	gateOf = `bans_total{result="gate"}`
)

// rules are the plan's, without the surveillance where it is not wanted.
func rules(surveilled bool) *release.Rollout {
	r := &release.Rollout{
		Flag: flagKey, Alpha: "5%",
		Gates: []release.Gate{{ID: "errors", Title: "few errors", Kind: release.GateRatio, Total: allOf, Budgets: []release.Budget{{What: "errors", Bad: gateOf, Below: "2%"}}}},
		Rollback: []release.Rule{
			{ID: "critical", Title: "many errors", Total: allOf, Bad: badOf, Above: "10%", For: 5 * time.Minute, Action: release.ActionOff},
			{ID: "gradual", Title: "errors", Total: allOf, Bad: badOf, Above: "5%", For: 15 * time.Minute, Action: release.ActionStepDown},
		},
		Alerts: []release.Alert{{ID: "error-rate", Title: "errors", Kind: release.AlertRatio, Level: "page", Total: allOf, Bad: badOf, Above: "5%", For: 5 * time.Minute}},
	}
	if surveilled {
		r.Surveillance = release.Surveillance{Title: "evidence", Total: allOf, Bad: badOf, Healthy: "2%", Alternatives: []string{"4%", "8%", "15%", "30%"}, Evidence: 10_000, Action: release.ActionOff}
	}
	return r
}

// watched is a world with a watch over it, at 50%.
type watched struct {
	*world
	src     *memory
	watcher *Watcher
}

func newWatched(t *testing.T, surveilled bool) *watched {
	t.Helper()
	w := newWorld(t)
	w.sets(w.operator("alice"), percent(50), "50%")
	one := &watched{world: w, src: &memory{}}
	one.src.scrape(noon, allOf, 0)
	one.src.scrape(noon, badOf, 0)
	one.watcher = one.begin(rules(surveilled))
	return one
}

// begin is another watch, as after a kill.
func (w *watched) begin(r *release.Rollout) *Watcher {
	return &Watcher{Controller: w.operator("rollout watch"), Release: r, Phases: plan(), Source: w.src, Every: 15 * time.Second}
}

// tick lets one tick pass in which so many requests come.
func (w *watched) tick(bad, total float64) Report {
	w.t.Helper()
	w.clock.advance(15 * time.Second)
	w.src.scrape(w.clock.Now(), allOf, total)
	w.src.scrape(w.clock.Now(), badOf, bad)
	return w.see()
}

func (w *watched) see() Report {
	w.t.Helper()
	r, err := w.watcher.Tick(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Failed != nil {
		w.t.Fatal(r.Failed)
	}
	return r
}

// until ticks until a rule fires, at most so many times.
func (w *watched) until(most int, bad, total float64) (Report, int) {
	w.t.Helper()
	for i := 1; i <= most; i++ {
		if r := w.tick(bad, total); r.Fired != "" {
			return r, i
		}
	}
	return Report{}, most
}

func (w *watched) resume() {
	w.t.Helper()
	c := w.operator("maria")
	v := w.look(c)
	v.State.Halted, v.State.Clean = nil, w.clock.Now()
	if _, err := c.Update(w.t.Context(), v.State, Event{Kind: KindResume}); err != nil {
		w.t.Fatal(err)
	}
}
