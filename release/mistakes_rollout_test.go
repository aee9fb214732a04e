package release

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// Each is one mistake in a rollout.
func TestMistakesInARollout(t *testing.T) {
	t.Parallel()
	const head = "rollout:\n  flag: feature\n  alpha: 5%\n"
	for name, c := range map[string]struct{ text, want string }{
		"phases without a flag":   {"rollout:\n  phases:\n    - {name: x, environment: staging, percentage: 10}\n", "rollout.flag: is missing"},
		"flag of another form":    {"rollout:\n  flag: My Flag\n  alpha: 5%\n", "rollout.flag"},
		"alpha of 0":              {"rollout:\n  flag: feature\n  alpha: 0%\n", "rollout.alpha"},
		"alpha without %":         {"rollout:\n  flag: feature\n  alpha: 0.05\n", "rollout.alpha"},
		"phase's environment":     {head + "  phases:\n    - {name: x, environment: prod, percentage: 10}\n", `"prod" must be one of development, staging, production`},
		"phase's percentage":      {head + "  phases:\n    - {name: x, environment: staging, percentage: 10.001}\n", "steps of 0.01"},
		"phase above 100":         {head + "  phases:\n    - {name: x, environment: staging, percentage: 101}\n", "percentage from 0 to 100"},
		"phase twice":             {head + "  phases:\n    - {name: x, environment: staging, percentage: 10}\n    - {name: x, environment: staging, percentage: 20}\n", `the phase "x" stands twice`},
		"phases do not grow":      {head + "  phases:\n    - {name: x, environment: staging, percentage: 10}\n    - {name: y, environment: staging, percentage: 10}\n", "not more than the phase before"},
		"soak":                    {head + "  phases:\n    - {name: x, environment: staging, percentage: 10, soak: {least: 2h, most: 1h}}\n", "phases[0].soak"},
		"users":                   {head + "  phases:\n    - {name: x, environment: staging, percentage: 10, users: {least: 5, most: 1}}\n", "phases[0].users"},
		"samples":                 {head + "  phases:\n    - {name: x, environment: staging, percentage: 10, samples: -1}\n", "phases[0].samples"},
		"unknown gate":            {head + "  phases:\n    - {name: x, environment: staging, percentage: 10, gates: [fast]}\n", `there is no gate "fast"`},
		"unknown sign-off":        {head + "  phases:\n    - {name: x, environment: staging, percentage: 10, entry: [tested]}\n", `there is no sign-off "tested"`},
		"kind of a gate":          {head + "  gates:\n    - {id: g, title: G, kind: guess}\n", "gates[0].kind"},
		"gate twice":              {head + "  gates:\n    - {id: g, title: G, kind: audit, total: a, rows: b, bad: c}\n    - {id: g, title: G, kind: audit, total: a, rows: b, bad: c}\n", `"g" stands twice`},
		"ratio without budgets":   {head + "  gates:\n    - {id: g, title: G, kind: ratio, total: a}\n", "gates[0].budgets"},
		"latency without a bound": {head + "  gates:\n    - {id: g, title: G, kind: latency, histogram: a, share: 5%}\n", "gates[0].bound"},
		"effect that is none":     {head + "  gates:\n    - {id: g, title: G, kind: baseline, histogram: a, window: 1h, effect: 50%}\n", "not above 50%"},
		"rule twice":              {head + "  rollback:\n    - {id: r, title: R, total: a, bad: b, above: 5%, for: 5m, action: off}\n    - {id: r, title: R, total: a, bad: b, above: 5%, for: 5m, action: off}\n", "rollback[1].id"},
		"rule of the watch's":     {head + "  rollback:\n    - {id: surveillance, title: R, total: a, bad: b, above: 5%, for: 5m, action: off}\n", "a name that the watch uses itself"},
		"action":                  {head + "  rollback:\n    - {id: r, title: R, total: a, bad: b, above: 5%, for: 5m, action: up}\n", `"up" must be one of off, step down`},
		"rule for no time":        {head + "  rollback:\n    - {id: r, title: R, total: a, bad: b, above: 5%, action: off}\n", "rollback[0].for"},
		"alternative not above":   {head + "  surveillance: {title: S, total: a, bad: b, healthy: 2%, alternatives: [2%], evidence: 10000, action: off}\n", "not above healthy"},
		"evidence":                {head + "  surveillance: {title: S, total: a, bad: b, healthy: 2%, alternatives: [4%], evidence: 1, action: off}\n", "surveillance.evidence"},
		"alert's level":           {head + "  alerts:\n    - {id: a, title: A, kind: rate, level: loud, bad: b, per_minute: 1, for: 5m}\n", `"loud" must be one of page, warning, info`},
		"alert of the watch's":    {head + "  alerts:\n    - {id: drift, title: A, kind: rate, level: info, bad: b, per_minute: 1, for: 5m}\n", "alerts[0].id"},
		"alert's kind":            {head + "  alerts:\n    - {id: a, title: A, kind: loud, level: info, for: 5m}\n", `"loud" must be one of ratio, slow, rate`},
		"rate of none":            {head + "  alerts:\n    - {id: a, title: A, kind: rate, level: info, bad: b, for: 5m}\n", "per_minute"},
		"series twice":            {head + "  series:\n    - {name: s, is: a}\n    - {name: s, is: b}\n", `the series "s" stands twice`},
	} {
		_, err := Read(strings.NewReader(favourites(t) + "\n" + c.text))
		var wrong *FileError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		} else if text := fmt.Sprint(wrong.Problems); !strings.Contains(text, c.want) {
			t.Errorf("%s: %s, want %q", name, text, c.want)
		}
	}
}

func TestParseShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"0.5%": 0.005, "99.9%": 0.999, "10%": 0.1} {
		if got, err := ParseShare(text); err != nil || math.Abs(got-want) > 1e-15 {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "0%", "100%", "-1%", "NaN%", "Inf%", "5", "5 %", "5%%", "five%", "5e-324%", "99.99999999999999999999%"} {
		if got, err := ParseShare(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
