package release

import (
	"errors"
	"strings"
	"testing"
)

// rolloutOf is a small release with that beside its flag in the rollout.
func rolloutOf(t testing.TB, text string) string {
	t.Helper()
	return favourites(t) + "\nrollout:\n  flag: feature\n  alpha: 5%\n" + text
}

// A mistake in a selector is told when the file is read, not by the gate or the watch
// that asks for its counts at night. Each case is all that is said about the file.
func TestMistakesInSeries(t *testing.T) {
	t.Parallel()
	const (
		operations = "  series:\n    - {name: operations, is: 'bans_total{code!~\"4..\"}'}\n    - {name: failed operations, is: 'bans_total{code=~\"5..\"}'}\n    - {name: requests, is: 'request_seconds_bucket{route=\"/ban\"}'}\n"
		rule       = "  rollback:\n    - {id: r, title: R, above: 5%, for: 5m, action: off, "
		gate       = "  gates:\n    - {id: g, title: G, kind: latency, bound: 1s, share: 5%, "
	)
	for name, c := range map[string]struct {
		text string
		want []string // in this order, nothing else
	}{
		"all is well": {operations + rule + "total: operations, bad: failed operations}\n" + gate + "histogram: requests}\n", nil},
		"a series that is no PromQL": {"  series:\n    - {name: failed operations, is: 'bans_total{code==\"5..\"}'}\n", []string{
			"series[0].is: \"failed operations\" is no selector: unexpected \"=\" in label matching, expected string, at character 17: `=\"5..\"}`",
		}},
		"a brace that is not closed": {"  series:\n    - {name: s, is: 'bans_total{code=\"5..\"'}\n", []string{
			`"s" is no selector: unexpected end of input inside braces, at its end`,
		}},
		"a regular expression that is none": {"  series:\n    - {name: s, is: 'bans_total{code=~\"5(..\"}'}\n", []string{`"s" is no selector: error parsing regexp: missing closing )`}},
		"a selector of everything":          {"  series:\n    - {name: s, is: '{code=~\".*\"}'}\n", []string{`"s" is no selector: vector selector must contain at least one non-empty matcher`}},
		"a calculation":                     {"  series:\n    - {name: s, is: 'sum(rate(bans_total[5m]))'}\n", []string{`"s" is no selector: it is to be a selector`}},
		"a range":                           {"  series:\n    - {name: s, is: 'bans_total[5m]'}\n", []string{"not a calculation"}},
		"a time of its own":                 {"  series:\n    - {name: s, is: 'bans_total offset 5m'}\n", []string{"it has its own time"}},
		"of several lines": {"  series:\n    - name: s\n      is: |\n        bans_total{\n          code==\"5..\"}\n", []string{
			"at character 8 of its line 2: `=\"5..\"}`",
		}},
		// It is said once, at the series, and not again wherever the series is counted.
		"two series, used": {"  series:\n    - {name: a, is: 'x{'}\n    - {name: b, is: 'y}'}\n" + rule + "total: a, bad: b}\n", []string{"series[0].is", "series[1].is"}},
		"all selectors":    {rule + "total: 'x{', bad: 'y{'}\n", []string{"rollback[0].total: is no selector", "rollback[0].bad: is no selector"}},
		"a name mistyped": {operations + rule + "total: operatons, bad: failed operations}\n", []string{
			`rollback[0].total: there is no "operatons" under rollout.series; did you mean "operations"? A metric that is called so is written operatons{}`,
		}},
		"a metric called nearly so": {operations + rule + "total: 'operation{}', bad: failed operations}\n", nil},
		"words mistyped": {operations + rule + "total: operations, bad: failed operatons}\n", []string{
			`rollback[0].bad: "failed operatons" is neither a name under rollout.series nor a selector; did you mean "failed operations"?`,
		}},
		"words of nothing": {operations + rule + "total: operations, bad: things that went wrong}\n", []string{
			`"things that went wrong" is neither a name under rollout.series nor a selector: unexpected identifier "that", at character 8: ` + "`that went wrong`",
		}},
		"a histogram without buckets":  {gate + "histogram: request_seconds_count}\n", []string{"gates[0].histogram: request_seconds_count has no buckets; those of a histogram are called …_bucket"}},
		"a counter as a histogram":     {operations + gate + "histogram: operations}\n", []string{"gates[0].histogram: bans_total has no buckets"}},
		"a histogram without its rest": {gate + "histogram: 'request_seconds_bucket{le=\"1\"}'}\n", []string{"it leaves out the bucket +Inf"}},
		"a histogram as a counter": {operations + rule + "total: requests, bad: 'request_seconds_bucket{le=\"+Inf\",code=~\"5..\"}'}\n", []string{
			"rollback[0].total: it selects all buckets of request_seconds, where each observation is counted once for every bound above it; request_seconds_count counts it once",
		}},
		"everywhere": {
			"  gates:\n" +
				"    - {id: g1, title: G, kind: ratio, total: 'a{', budgets: [{what: w, below: 1%, bad: 'b{'}]}\n" +
				"    - {id: g2, title: G, kind: audit, total: 'c{', rows: 'd{', bad: 'e{'}\n" +
				"    - {id: g3, title: G, kind: latency, bound: 1s, share: 5%, histogram: 'f{'}\n" +
				"  surveillance: {title: S, healthy: 2%, alternatives: [4%], evidence: 10000, action: off, total: 'g{', bad: 'h{'}\n" +
				"  alerts:\n    - {id: a1, title: A, kind: ratio, level: info, for: 5m, above: 5%, total: 'i{', bad: 'j{'}\n" +
				"    - {id: a2, title: A, kind: slow, level: info, for: 5m, bound: 1s, share: 5%, histogram: 'k{'}\n",
			[]string{
				"gates[0].total", "gates[0].budgets[0].bad", "gates[1].total", "gates[1].rows", "gates[1].bad", "gates[2].histogram",
				"surveillance.total", "surveillance.bad", "alerts[0].total", "alerts[0].bad", "alerts[1].histogram",
			},
		},
	} {
		_, err := Read(strings.NewReader(rolloutOf(t, c.text)))
		var said []Problem
		if wrong := (*FileError)(nil); errors.As(err, &wrong) {
			said = wrong.Problems
		}
		if len(said) != len(c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: it says %q, want %q", name, said, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(said[i].String(), want) || said[i].Line == 0 {
				t.Errorf("%s: it says %q, want %q", name, said[i], want)
			}
		}
	}
}

// The selectors that the release in the program counts by are judged like any other's.
func TestAMistakeInTheModerationReleaseIsTold(t *testing.T) {
	t.Parallel()
	for _, spoilt := range []struct{ what, by, want string }{
		{`is: 'moderation_ban_operations_total{error_type="TWITCH_API_ERROR"}'`, `is: 'moderation_ban_operations_total{error_type=TWITCH_API_ERROR}'`, `"Twitch errors" is no selector`},
		{"bad: rate limited, below", "bad: rate limitted, below", `did you mean "rate limited"?`},
		{"bad: Twitch errors\n", "bad: Twitch error\n", `did you mean "Twitch errors"?`},
		{`histogram: http_request_duration_seconds_bucket{route=~"/api/.*"`, `histogram: http_request_duration_seconds_bucket{route=~"/api/(.*"`, "rollout.gates[7].histogram: is no selector"},
	} {
		_, err := Read(strings.NewReader(strings.Replace(string(moderation), spoilt.what, spoilt.by, 1)))
		if wrong := (*FileError)(nil); !errors.As(err, &wrong) || len(wrong.Problems) != 1 || !strings.Contains(wrong.Error(), spoilt.want) {
			t.Errorf("%s: %v", spoilt.by, errors.Unwrap(err))
		}
	}
}
