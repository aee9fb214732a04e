package release

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/clipper/clipperops/internal/metrics/expression"
)

// judgeSeries says which series cannot be counted, which would else be found out by
// the gate or the watch that counts them. Whether anybody has such a metric is not
// known here.
func (f *file) judgeSeries(r *Rollout) {
	names := map[string]bool{}
	known := map[string]*expression.Selector{} // by their text; nil for what is no selector
	for i, s := range r.Series {
		at := fmt.Sprintf("rollout.series[%d]", i)
		f.filled(at+".name", s.Name)
		f.once(names, at+".name", "series", s.Name)
		if !f.filled(at+".is", s.Is) {
			continue
		}
		selector, err := expression.ParseSelector(s.Is)
		if err != nil {
			f.problem(at+".is", "%q is no selector: %s", s.Name, err)
			known[s.Is] = nil
			continue
		}
		known[s.Is] = &selector
	}
	for _, u := range r.uses() {
		if strings.TrimSpace(*u.says) == "" {
			continue // whether it may be is judged with what it belongs to
		}
		selector, named := known[*u.says]
		if !named {
			selector = f.selector(u, r.Series)
		}
		if selector != nil {
			f.countable(u, *selector)
		}
	}
}

// selector judges a text that is the name of no series; nil when it is wrong.
func (f *file) selector(u use, series []Series) *expression.Selector {
	text := *u.says
	parsed, err := expression.ParseSelector(text)
	meant, bare := closest(text, series), !strings.Contains(text, "{")
	switch {
	case err != nil && bare && meant != "":
		f.problem(u.path, "%q is neither a name under rollout.series nor a selector; did you mean %q?", text, meant)
	case err != nil && bare:
		f.problem(u.path, "%q is neither a name under rollout.series nor a selector: %s", text, err)
	case err != nil:
		f.problem(u.path, "is no selector: %s", err)
	case bare && meant != "":
		f.problem(u.path, "there is no %q under rollout.series; did you mean %q? A metric that is called so is written %s{}", text, meant, parsed)
	default:
		return &parsed
	}
	return nil
}

// countable judges whether what is selected can be counted as it is there.
func (f *file) countable(u use, selector expression.Selector) {
	count := selector.Counter
	if u.histogram {
		count = selector.Buckets
	}
	if err := count(); err != nil {
		f.problem(u.path, "%s", err)
	}
}

// closest is the name that somebody mistyped as the text, "" when none is as near as
// one letter in four.
func closest(text string, series []Series) string {
	best, distance := "", len(text)/4+1
	for _, s := range series {
		if d := levenshtein.Distance(text, s.Name, nil); d < distance {
			best, distance = s.Name, d
		}
	}
	return best
}
