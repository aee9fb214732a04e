package rollout

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// scraped is the Prometheus inside this process, over instances whose /metrics a test
// sets, by a clock that a test moves.
type scraped struct {
	t     *testing.T
	clock *hand
	src   *metrics.Scraper
	all   []*metricstest.Target
}

// newScraped has so many instances that have run for long.
func newScraped(t *testing.T, clock *hand, instances int) *scraped {
	t.Helper()
	s := &scraped{t: t, clock: clock}
	var urls []string
	for range instances {
		one := metricstest.NewTarget()
		t.Cleanup(one.Close)
		one.Start(clock.Now().Add(-72*time.Hour), nil)
		s.all, urls = append(s.all, one), append(urls, one.URL())
	}
	var err error
	if s.src, err = metrics.OpenScrape(metrics.ScrapeOptions{Dir: t.TempDir(), Targets: urls, Now: clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.src.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// shows has an instance show these series, and scrapes.
func (s *scraped) shows(instance int, series map[string]float64) {
	s.t.Helper()
	s.all[instance].Set(series)
	if err := s.src.Scrape(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// timed is the histogram h of requests that took so long: how many within 0.1 s, within
// 0.3 s, within 1 s, and longer.
func timed(tenth, third, one, longer float64) map[string]float64 {
	return map[string]float64{
		`h_bucket{le="0.1"}`: tenth, `h_bucket{le="0.3"}`: tenth + third, `h_bucket{le="1"}`: tenth + third + one,
		`h_bucket{le="+Inf"}`: tenth + third + one + longer,
	}
}

func counted(good, bad float64) map[string]float64 {
	return map[string]float64{`bans_total{result="success"}`: good, badOf: bad}
}

// What the gates say of series as instances show them: a day before the rollout, at its
// beginning and now.
func TestGatesOfWhatIsScraped(t *testing.T) {
	t.Parallel()
	fast := release.Gate{ID: "fast", Kind: release.GateLatency, Histogram: "h_bucket", Bound: 300 * time.Millisecond, Share: "5%"}
	slower := release.Gate{ID: "no-slower", Kind: release.GateBaseline, Histogram: "h_bucket", Window: time.Hour, Effect: "55%"}
	errorsOf := release.Gate{ID: "errors", Kind: release.GateRatio, Total: allOf, Budgets: []release.Budget{{What: "errors", Bad: badOf, Below: "2%"}}}
	none := timed(0, 0, 0, 0)
	type shown []map[string]float64 // by instance
	for name, c := range map[string]struct {
		gate               release.Gate
		before, began, now shown // nil: it is not scraped then
		verdict            gate.Verdict
		words              string
	}{
		"fast":                       {fast, nil, shown{none}, shown{timed(900, 95, 5, 0)}, gate.Pass, "5 requests slower than 300 ms in 1,000"},
		"slow":                       {fast, nil, shown{none}, shown{timed(800, 50, 100, 50)}, gate.Fail, "150 requests slower than 300 ms in 1,000"},
		"fast or not":                {fast, nil, shown{none}, shown{timed(290, 0, 10, 0)}, gate.Hold, "more would tell"},
		"slow before it began":       {fast, nil, shown{timed(0, 0, 0, 5000)}, shown{timed(900, 100, 0, 5000)}, gate.Pass, "0 requests slower than 300 ms in 1,000"},
		"of two instances":           {fast, nil, shown{none, none}, shown{timed(450, 50, 0, 0), timed(300, 0, 100, 100)}, gate.Fail, "200 requests slower than 300 ms in 1,000"},
		"no histogram":               {fast, nil, shown{counted(0, 0)}, shown{counted(100, 0)}, gate.Hold, "no data"},
		"bounds that only one has":   {fast, nil, shown{none, {`h_bucket{le="0.5"}`: 0, `h_bucket{le="+Inf"}`: 0}}, shown{timed(900, 100, 0, 0), {`h_bucket{le="0.5"}`: 1000, `h_bucket{le="+Inf"}`: 1000}}, gate.Hold, "no bucket at 300 ms"},
		"a bucket that is NaN":       {fast, nil, shown{none}, shown{{`h_bucket{le="0.3"}`: math.NaN()}}, gate.Hold, "NaN"},
		"as fast as before":          {slower, shown{timed(500, 400, 100, 0)}, shown{timed(1000, 800, 200, 0)}, shown{timed(1500, 1200, 300, 0)}, gate.Pass, "a chance of 0.500"},
		"slower than before":         {slower, shown{none}, shown{timed(500, 400, 100, 0)}, shown{timed(600, 700, 600, 100)}, gate.Fail, "1,000 requests against 1,000 before: slower with a chance of 0.810"},
		"hardly anybody came before": {slower, shown{none}, shown{timed(1, 1, 0, 0)}, shown{timed(501, 401, 100, 0)}, gate.Hold, "a longer baseline might"},
		"nothing from before":        {slower, nil, shown{none}, shown{timed(500, 400, 100, 0)}, gate.Hold, "no data of the 60 min before the rollout began"},
		"a count that is NaN":        {errorsOf, nil, shown{counted(0, 0)}, shown{counted(math.NaN(), 0)}, gate.Hold, "NaN"},
		"one count of two is NaN":    {errorsOf, nil, shown{counted(0, 0), counted(0, 0)}, shown{counted(1000, 0), counted(1000, math.NaN())}, gate.Hold, "that is not a count"},
		"errors at one of two":       {errorsOf, nil, shown{counted(0, 0), counted(0, 0)}, shown{counted(1000, 0), counted(900, 100)}, gate.Fail, "100 errors in 2,000"},
		"several series for a rule":  {release.Gate{Kind: release.GateRatio, Total: "sum by (result) (bans_total)", Budgets: errorsOf.Budgets}, nil, shown{counted(0, 0)}, shown{counted(1000, 10)}, gate.Hold, "the release file asks for something wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScraped(t, &hand{now: noon}, len(c.now))
			show := func(all shown) {
				for i, series := range all {
					s.all[i].Set(series)
				}
				if all != nil {
					s.shows(0, nil)
				}
			}
			show(c.before)
			s.clock.advance(time.Hour)
			show(c.began)
			s.clock.advance(2 * time.Minute)
			show(c.now)
			r := Measure(t.Context(), s.src, c.gate, 0.05, Window{From: noon.Add(time.Hour), To: s.clock.Now(), Before: noon.Add(time.Hour)})
			if r.Verdict != c.verdict || !strings.Contains(r.Words, c.words) {
				t.Errorf("%s: %q", r.Verdict, r.Words)
			}
			// Where waiting tells nothing more, a person decides.
			if name == "nothing from before" != (r.Command != "") {
				t.Errorf("the way on is %q", r.Command)
			}
		})
	}
}

// The alerts of a rate and of slowness begin and end by what is scraped, and say by what.
func TestAlertsOfARateAndOfSlowness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sets(w.operator("alice"), percent(50), "50%")
	s := newScraped(t, w.clock, 1)
	watcher := &Watcher{
		Controller: w.operator("rollout watch"), Phases: plan(), Source: s.src, Every: 15 * time.Second,
		Release: &release.Rollout{Flag: flagKey, Alerts: []release.Alert{
			{ID: "twitch", Title: "Twitch fails", Kind: release.AlertRate, Level: "warning", Bad: badOf, PerMinute: 10, For: time.Minute},
			{ID: "slow", Title: "it is slow", Kind: release.AlertSlow, Level: "warning", Histogram: "h_bucket", Bound: 300 * time.Millisecond, Share: "5%", For: time.Minute},
		}},
	}
	shown := counted(0, 0)
	maps.Copy(shown, timed(0, 0, 0, 0))
	s.shows(0, shown)
	var all []string
	words := map[string]string{}
	ticks := func(n int, bad, quick, slow float64) {
		t.Helper()
		for range n {
			w.clock.advance(15 * time.Second)
			shown[badOf] += bad
			for le, by := range timed(quick, 0, slow, 0) {
				shown[le] += by
			}
			s.shows(0, shown)
			r, err := watcher.Tick(t.Context())
			if err != nil || len(r.Problems) > 0 {
				t.Fatalf("%v, %q", err, r.Problems)
			}
			all = append(all, told(r)...)
			for _, a := range r.Alerts {
				words[fmt.Sprint(a.ID, a.Over)] = a.Words
			}
		}
	}
	ticks(6, 2, 100, 1) // 8 a minute, and 1% slow: neither is too much
	if len(all) > 0 {
		t.Fatalf("told while all is well: %q", all)
	}
	ticks(6, 4, 100, 0)
	ticks(6, 0, 100, 0)
	ticks(6, 0, 80, 20)
	ticks(6, 0, 100, 0)
	if want := []string{"twitch", "over: twitch", "slow", "over: slow"}; !slices.Equal(all, want) {
		t.Errorf("told: %q, want %q", all, want)
	}
	if !strings.Contains(words["twitchfalse"], "in 60 s") || !strings.Contains(words["slowfalse"], "requests slower than 300 ms in ") {
		t.Errorf("%q", words)
	}
}

// The watch moves on by what is scraped of latency, and compared with before; it stays
// where it is slower.
func TestTheWatchMovesOnByWhatIsScraped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now   map[string]float64
		moves bool
		says  string
	}{
		"as fast": {timed(1000, 800, 200, 0), true, ""},
		"slower":  {timed(600, 700, 650, 50), false, "no slower"},
		"NaN":     {map[string]float64{`h_bucket{le="0.3"}`: math.NaN()}, false, "NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := newScraped(t, w.clock, 1)
			s.shows(0, timed(0, 0, 0, 0))
			w.clock.advance(5 * time.Minute)
			s.shows(0, timed(500, 400, 100, 0))
			w.sets(w.operator("alice"), percent(10), "10%")
			phases := plan()
			phases[1].Samples, phases[1].Gates = 0, []string{"fast", "no-slower"}
			watcher := &Watcher{
				Controller: w.operator("rollout watch"), Phases: phases, Source: s.src, Every: 15 * time.Second, AutoAdvance: true,
				Release: &release.Rollout{Flag: flagKey, Alpha: "5%", Gates: []release.Gate{
					{ID: "fast", Title: "fast enough", Kind: release.GateLatency, Histogram: "h_bucket", Bound: time.Second, Share: "10%"},
					{ID: "no-slower", Title: "no slower", Kind: release.GateBaseline, Histogram: "h_bucket", Window: 5 * time.Minute, Effect: "55%"},
				}},
			}
			w.clock.advance(2 * time.Minute)
			s.shows(0, c.now)
			w.clock.advance(time.Hour)
			r, err := watcher.Tick(t.Context())
			if err != nil || r.Failed != nil || (r.Fired == AutoAdvanceRule) != c.moves {
				t.Fatalf("fired %q, %v, %v, %q, %+v", r.Fired, err, r.Failed, r.Problems, r.Alerts)
			}
			said := strings.Join(r.Problems, "; ")
			for _, a := range r.Alerts {
				said += a.Words
			}
			if !strings.Contains(said, c.says) || c.moves && said != "" {
				t.Errorf("it says %q", said)
			}
		})
	}
}
