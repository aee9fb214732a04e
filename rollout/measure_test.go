package rollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

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
		"no data":             {ratio, nil, nil, gate.Hold, "no data: see that instances are scraped"},
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
