package release

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var (
	criterionForm = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	flagForm      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	// finer than 0.01% a percentage cannot be.
	percentageForm = regexp.MustCompile(`^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$`)
	environments   = []string{"development", "staging", "production"}
)

// judgeRollout says what is wrong in how the feature is exposed.
func (f *file) judgeRollout(r *Rollout) {
	if r.Flag == "" {
		if len(r.Phases) > 0 {
			f.problem("rollout.flag", "is missing: phases need a flag")
		}
		return
	}
	f.matches("rollout.flag", r.Flag, flagForm, "lower-case letters, digits and _, at most 63 characters")
	f.share("rollout.alpha", r.Alpha)
	f.judgeSeries(r)
	f.judgeCriteria(r)
	f.judgePhases(r)
	f.judgeRules(r)
	f.judgeAlerts(r)
}

// criterion asks for a name that nothing of its kind has, and a title. It returns the path.
func (f *file) criterion(list string, i int, id, title string, seen map[string]bool) string {
	at := fmt.Sprintf("rollout.%s[%d]", list, i)
	f.matches(at+".id", id, criterionForm, "lower-case letters, digits and -")
	if seen[id] {
		f.problem(at+".id", "%q stands twice, or is a name that the watch uses itself", id)
	}
	seen[id] = true
	f.filled(at+".title", title)
	return at
}

// bad asks for what is counted among what.
func (f *file) bad(at, total, bad string) {
	f.filled(at+".total", total)
	f.filled(at+".bad", bad)
}

// slow asks for a share of a histogram above a bound.
func (f *file) slow(at, histogram string, bound time.Duration, share string) {
	f.filled(at+".histogram", histogram)
	f.positive(at+".bound", bound)
	f.share(at+".share", share)
}

func (f *file) judgePhases(r *Rollout) {
	names, last := map[string]bool{}, map[string]float64{}
	for i, p := range r.Phases {
		at := fmt.Sprintf("rollout.phases[%d]", i)
		f.filled(at+".name", p.Name)
		f.once(names, at+".name", "phase", p.Name)
		f.among(at+".environment", p.Environment, environments...)
		percentage, err := strconv.ParseFloat(p.Percentage, 64)
		if err != nil || !percentageForm.MatchString(p.Percentage) {
			f.problem(at+".percentage", "%q is not a percentage from 0 to 100 in steps of 0.01", p.Percentage)
		} else if before, ok := last[p.Environment]; ok && percentage <= before {
			f.problem(at+".percentage", "%s%% is not more than the phase before it in %s", p.Percentage, p.Environment)
		}
		last[p.Environment] = percentage
		if p.Users.Least < 0 || p.Users.Most < p.Users.Least {
			f.problem(at+".users", "most must be at least least, and neither negative")
		}
		if p.Soak.Least < 0 || p.Soak.Most != 0 && p.Soak.Most < p.Soak.Least {
			f.problem(at+".soak", "most must be at least least, and neither negative")
		}
		f.notNegative(at+".samples", p.Samples)
		f.judgeNeeds(at, r, p)
	}
}

func (f *file) judgeNeeds(at string, r *Rollout, p Phase) {
	for _, list := range []struct {
		key string
		ids []string
	}{{"entry", p.Entry}, {"sign_offs", p.SignOffs}} {
		for i, id := range list.ids {
			if _, known := r.SignOff(id); !known {
				f.problem(fmt.Sprintf("%s.%s[%d]", at, list.key, i), "there is no sign-off %q", id)
			}
		}
	}
	for i, id := range p.Gates {
		if _, known := r.Gate(id); !known {
			f.problem(fmt.Sprintf("%s.gates[%d]", at, i), "there is no gate %q", id)
		}
	}
}

func (f *file) share(path, text string) {
	if _, err := ParseShare(text); err != nil {
		f.problem(path, "%s", err)
	}
}

func (f *file) positive(path string, d time.Duration) {
	if d <= 0 {
		f.problem(path, "must be a duration such as 5m")
	}
}

func (f *file) notNegative(path string, n int64) {
	if n < 0 {
		f.problem(path, "must not be negative")
	}
}
