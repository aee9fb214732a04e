package rollout

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// memory is a source of counters that a test counts.
type memory struct {
	mu     sync.Mutex
	series map[string][]metrics.Point // by selector
	away   error
	asked  map[string]int
}

func (m *memory) Range(_ context.Context, selector string, from, to time.Time) ([]metrics.Series, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked == nil {
		m.asked = map[string]int{}
	}
	m.asked[selector]++
	if m.away != nil {
		return nil, m.away
	}
	var points []metrics.Point
	for _, p := range m.series[selector] {
		if p.At.After(from) && !p.At.After(to) {
			points = append(points, p)
		}
	}
	if len(points) == 0 {
		return nil, nil
	}
	return []metrics.Series{{Labels: metrics.Labels{"__name__": metricOf(selector)}, Points: points}}, nil
}

func (m *memory) Instant(context.Context, string, time.Time) ([]metrics.Series, error) {
	return nil, nil
}

func (m *memory) String() string { return "memory" }

func (m *memory) Close() error { return nil }

// scrape adds a sample of a counter that grew.
func (m *memory) scrape(at time.Time, selector string, by float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series == nil {
		m.series = map[string][]metrics.Point{}
	}
	points := m.series[selector]
	value := by
	if n := len(points); n > 0 {
		value += points[n-1].Value
	}
	m.series[selector] = append(points, metrics.Point{At: at, Value: value})
}

func (m *memory) restart(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for selector, points := range m.series {
		m.series[selector] = append(points, metrics.Point{At: at, Value: 0})
	}
}

func (m *memory) set(away error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

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

func TestTenPercentForFiveMinutesIsOff(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r, n := w.until(40, 4, 20)
	if r.Fired != "critical" || r.View.Actual().Enabled || n < 15 || n > 21 {
		t.Fatalf("%q after %d ticks: %s", r.Fired, n, r.View.Actual())
	}
	v := w.look(w.watcher.Controller)
	if v.State.Halted == nil || v.State.Phase != "" || v.Drifted() || !strings.Contains(v.State.Halted.Reason, "many errors: ") {
		t.Errorf("%+v", v.State)
	}
	if again, _ := w.until(40, 4, 20); again.Fired != "" {
		t.Error("it acts again")
	}
	if len(w.history(w.watcher.Controller)) != 2 {
		t.Errorf("%v", kinds(w.history(w.watcher.Controller)))
	}
}

func TestFivePercentForAQuarterOfAnHourStepsDown(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	r, n := w.until(80, 8, 100)
	if r.Fired != "gradual" || !r.View.Actual().Same(percent(10)) || n < 45 || n > 61 || r.View.State.Phase != "10%" || r.View.State.Halted == nil {
		t.Fatalf("%q after %d ticks: %s in %q", r.Fired, n, r.View.Actual(), r.View.State.Phase)
	}
	// What led to it counts no more.
	if again, _ := w.until(44, 8, 100); again.Fired != "" {
		t.Error("the same errors step down twice")
	}
}

func TestSurveillanceFires(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	if r, _ := w.until(20, 0, 15); r.Fired != "" {
		t.Fatal("it fires while all is well")
	}
	// Killed in between, another goes on with its evidence.
	r := w.tick(3, 15)
	w.watcher = w.begin(rules(true))
	if next := w.tick(0, 0); next.Evidence < r.Evidence-0.001 {
		t.Errorf("the evidence was %f, and is %f after a kill", r.Evidence, next.Evidence)
	}
	if r, n := w.until(6, 5, 15); r.Fired != surveillance || r.View.Actual().Enabled {
		t.Errorf("%q after %d ticks", r.Fired, n)
	}
	if r := w.tick(0, 1); r.Evidence > 1 {
		t.Errorf("evidence that was used is still there: %f", r.Evidence)
	}
}

func TestThreeErrorsAtNightWakeNobody(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	for i := range 80 {
		bad, total := 0.0, 1.0
		if i == 21 || i == 28 || i == 35 {
			bad = 1
		}
		if r := w.tick(bad, total); r.Fired != "" || len(r.Alerts) > 0 {
			t.Fatalf("%q, %+v", r.Fired, r.Alerts)
		}
	}
}

// Property: with metrics away at any moment it never acts without data, tells of it once,
// and acts within the rule's time after they are back.
func TestMetricsAway(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		w := newWatched(t, true)
		w.until(10, 0, 20)
		w.src.set(&metrics.Unavailable{Where: "memory", What: "away"})
		begun := 0
		for range 10 + random.IntN(30) {
			r := w.tick(10, 20)
			if r.Fired != "" || len(r.Problems) == 0 {
				t.Fatalf("without data: %q, %q", r.Fired, r.Problems)
			}
			for _, a := range r.Alerts {
				if a.ID == "metrics" && !a.Over {
					begun++
				}
			}
		}
		w.src.set(nil)
		r, n := w.until(21, 10, 20)
		if begun != 1 || r.Fired == "" || n > 20 {
			t.Errorf("told of %d times; %q after %d ticks", begun, r.Fired, n)
		}
		if !slices.ContainsFunc(r.Alerts, func(a Alert) bool { return a.ID == "metrics" && a.Over }) && n == 1 {
			t.Error("that it is over is not told")
		}
	}
}

func TestARestartIsNoCount(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.until(10, 1, 100)
	w.src.restart(w.clock.Now())
	for range 30 {
		if r := w.tick(1, 100); r.Fired != "" || !r.Sample.Counts["critical"].Known || r.Sample.Counts["critical"].Total != 100 {
			t.Fatalf("%+v", r.Sample.Counts)
		}
	}
}

// A clock that jumps forward and back leaves the rules neither firing nor blind.
func TestTheClockJumps(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	w.until(10, 0, 20)
	w.clock.advance(3 * time.Hour)
	if r := w.see(); r.Fired != "" {
		t.Fatal("it fires by a jump")
	}
	w.resume() // in the future
	w.clock.advance(-3 * time.Hour)
	if r := w.see(); r.Fired != "" {
		t.Fatal("it fires by a jump back")
	}
	if r, n := w.until(22, 10, 20); r.Fired == "" {
		t.Errorf("blind for %d ticks after the clock was set back", n)
	}
}

func TestAfterResumingOldSamplesDoNotFire(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	r, _ := w.until(20, 10, 20)
	if r.Fired == "" {
		t.Fatal("it did not fire")
	}
	w.tick(10, 20)
	w.clock.advance(7 * time.Second)
	w.src.scrape(w.clock.Now(), allOf, 20)
	w.src.scrape(w.clock.Now(), badOf, 20)
	w.resume()
	w.sets(w.operator("maria"), percent(50), "50%")
	if r := w.tick(0, 20); r.Fired != "" || r.Sample.Counts["critical"].Bad != 0 {
		t.Errorf("%q by %+v", r.Fired, r.Sample.Counts["critical"])
	}
	if r, _ := w.until(25, 0, 20); r.Fired != "" {
		t.Errorf("%q by what was before", r.Fired)
	}
	if r, _ := w.until(20, 10, 20); r.Fired == "" {
		t.Error("what fails again is not found")
	}
}

// A killed watch's samples are gone on with: the rule fires when it would have.
func TestAnotherWatchGoesOn(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	for range 12 {
		w.tick(4, 20)
	}
	w.watcher = w.begin(rules(false))
	if r, n := w.until(9, 4, 20); r.Fired != "critical" {
		t.Errorf("%q after %d more ticks", r.Fired, n)
	}
}

func TestDriftAndAlertsAreToldOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.tick(0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 70`)
	var told []string
	tick := func(n int, bad, total float64) {
		for range n {
			for _, a := range w.tick(bad, total).Alerts {
				text := a.ID
				if a.Over {
					text = "over: " + text
				}
				told = append(told, text)
			}
		}
	}
	tick(5, 0, 20)
	pgtest.Exec(t, w.target, `UPDATE clipperops.feature_flags SET percentage = 50`)
	tick(2, 0, 20)
	tick(15, 3, 20)
	tick(22, 0, 20)
	if want := []string{"drift", "over: drift", "error-rate", "over: error-rate"}; !slices.Equal(told, want) {
		t.Errorf("told: %q, want %q", told, want)
	}
}

// The gates are asked once at the end of the soak, and once more at its utmost end.
func TestTheGatesAreAskedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bad   float64
		moves bool
	}{"pass": {0, true}, "hold": {2, false}, "fail": {20, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, false)
			w.sets(w.operator("alice"), percent(10), "10%")
			w.watcher.AutoAdvance = true
			asked := func() int { w.src.mu.Lock(); defer w.src.mu.Unlock(); return w.src.asked[gateOf] }
			w.src.scrape(w.clock.Now(), gateOf, 0)
			pass := func(d time.Duration) Report {
				w.clock.advance(d - 15*time.Second)
				w.src.scrape(w.clock.Now(), allOf, 0)
				w.src.scrape(w.clock.Now(), gateOf, 0)
				return w.tick(0, 0)
			}
			w.tick(0, 200)
			w.src.scrape(w.clock.Now(), gateOf, c.bad)
			w.tick(0, 50)
			if asked() != 0 {
				t.Fatal("the gates were asked before the end of the soak")
			}
			r := pass(time.Hour)
			if (r.Fired == AutoAdvanceRule) != c.moves || asked() != 1 {
				t.Fatalf("fired %q, asked %d times, %q", r.Fired, asked(), r.Problems)
			}
			if !c.moves && !slices.ContainsFunc(r.Alerts, func(a Alert) bool { return a.ID == AutoAdvanceRule }) {
				t.Errorf("nobody is told: %+v", r.Alerts)
			}
			w.watcher = w.begin(rules(false))
			w.watcher.AutoAdvance = true
			for range 4 {
				w.tick(0, 100) // now it would pass, by chance
			}
			if asked() != 1 {
				t.Errorf("asked %d times", asked())
			}
			want := 1
			if name == "hold" {
				want = 2
			}
			if r = pass(time.Hour); asked() != want || (r.Fired != "") != (name == "hold") {
				t.Errorf("at the utmost end asked %d times, fired %q", asked(), r.Fired)
			}
		})
	}
}

func TestItDoesNotClimbByItselfAfterARollback(t *testing.T) {
	t.Parallel()
	w := newWatched(t, false)
	w.watcher.AutoAdvance = true
	if r, _ := w.until(80, 8, 100); r.Fired != "gradual" {
		t.Fatalf("%q", r.Fired)
	}
	w.src.scrape(w.clock.Now(), gateOf, 0)
	w.clock.advance(3 * time.Hour)
	w.src.scrape(w.clock.Now(), gateOf, 0)
	if r, _ := w.until(5, 0, 500); r.Fired != "" || !r.View.State.Began.IsZero() && r.View.Actual().Percentage > 1000 {
		t.Errorf("%q: %s", r.Fired, r.View.Actual())
	}
}

func TestATickWithoutTheRecordDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWatched(t, true)
	for range 3 {
		w.tick(1, 20)
	}
	if err := w.watcher.Controller.Record.conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(15 * time.Second)
	if r, err := w.watcher.Tick(t.Context()); err == nil || r.Fired != "" {
		t.Errorf("%q, %v", r.Fired, err)
	}
}

// measured is the verdict of one gate over what was counted.
func TestGatesOfMetrics(t *testing.T) {
	t.Parallel()
	ratio := rules(false).Gates[0]
	availability := release.Gate{ID: "up", Kind: release.GateAvailability, Total: allOf, Bad: badOf, Above: "99%"}
	audit := release.Gate{ID: "audit", Kind: release.GateAudit, Total: allOf, Rows: "rows_total", Bad: `rows_total{result="lost"}`}
	for name, c := range map[string]struct {
		gate    release.Gate
		grew    map[string]float64
		away    error
		verdict gate.Verdict
		words   string
	}{
		"ratio":               {ratio, map[string]float64{allOf: 1000, gateOf: 5}, nil, gate.Pass, "5 errors in 1,000"},
		"none of that label":  {ratio, map[string]float64{allOf: 1000}, nil, gate.Pass, "0 errors in 1,000"},
		"too many":            {ratio, map[string]float64{allOf: 1000, gateOf: 80}, nil, gate.Fail, "80 errors"},
		"too few":             {ratio, map[string]float64{allOf: 20, gateOf: 0}, nil, gate.Hold, "more would tell"},
		"no data":             {ratio, nil, nil, gate.Hold, "no data"},
		"away":                {ratio, nil, &metrics.Unavailable{Where: "memory", What: "away"}, gate.Hold, "cannot be asked"},
		"bad query":           {ratio, nil, &metrics.BadQuery{Where: "memory", Query: "x", What: "no"}, gate.Hold, "the release file asks for something wrong"},
		"half a request":      {ratio, map[string]float64{allOf: 0.5}, nil, gate.Hold, "not a count"},
		"available":           {availability, map[string]float64{allOf: 10000, badOf: 20}, nil, gate.Pass, ""},
		"not available":       {availability, map[string]float64{allOf: 1000, badOf: 50}, nil, gate.Fail, ""},
		"every row":           {audit, map[string]float64{allOf: 50, "rows_total": 50}, nil, gate.Pass, "50 rows for 50"},
		"a row is missing":    {audit, map[string]float64{allOf: 50, "rows_total": 49}, nil, gate.Fail, ""},
		"a row is lost":       {audit, map[string]float64{allOf: 50, "rows_total": 50, `rows_total{result="lost"}`: 1}, nil, gate.Fail, "could not be written"},
		"no operation":        {audit, map[string]float64{allOf: 0, "rows_total": 0}, nil, gate.Hold, "too few"},
		"no log":              {audit, map[string]float64{allOf: 5}, nil, gate.Hold, "no data"},
		"another metric":      {release.Gate{Kind: release.GateAvailability, Total: allOf, Bad: "errors_total", Above: "99%"}, map[string]float64{allOf: 1000}, nil, gate.Hold, "no data"},
		"names within braces": {release.Gate{Kind: release.GateAvailability, Total: `{__name__="bans_total"}`, Bad: `{__name__="errors"}`, Above: "99%"}, map[string]float64{`{__name__="bans_total"}`: 1000}, nil, gate.Hold, "no data"},
		"no such kind":        {release.Gate{Kind: "guess"}, nil, nil, gate.Hold, "no kind of gate"},
	} {
		src := &memory{away: c.away}
		for selector, by := range c.grew {
			src.scrape(noon, selector, 0)
			src.scrape(noon.Add(time.Hour), selector, by)
		}
		r := Measure(t.Context(), src, c.gate, 0.05, Window{From: noon, To: noon.Add(time.Hour), Before: noon})
		if r.Verdict != c.verdict || !strings.Contains(r.Words, c.words) {
			t.Errorf("%s: %s %q", name, r.Verdict, r.Words)
		}
	}
	if w := whyHold(errors.New("x")); w != "cannot be asked: x" {
		t.Errorf("%q", w)
	}
}
