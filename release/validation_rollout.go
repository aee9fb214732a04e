package release

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var (
	criterionForm = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	flagForm      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	// finer than 0.01% a percentage cannot be.
	percentageForm = regexp.MustCompile(`^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$`)
	environments   = []string{"development", "staging", "production"}
	levels         = []string{"page", "warning", "info"}
	actions        = []string{ActionOff, ActionStepDown}
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
	f.judgeCriteria(r)
	f.judgePhases(r)
	f.judgeRules(r)
	f.judgeAlerts(r)
}

func (f *file) judgeCriteria(r *Rollout) {
	named := map[string]bool{}
	for i, s := range r.Series {
		at := fmt.Sprintf("rollout.series[%d]", i)
		f.filled(at+".name", s.Name)
		f.filled(at+".is", s.Is)
		if named[s.Name] {
			f.problem(at+".name", "%q stands twice", s.Name)
		}
		named[s.Name] = true
	}
	seen := map[string]bool{}
	for i, s := range r.SignOffs {
		at := fmt.Sprintf("rollout.sign_offs[%d]", i)
		f.criterion(at+".id", s.ID, seen)
		f.filled(at+".title", s.Title)
	}
	for i, g := range r.Gates {
		at := fmt.Sprintf("rollout.gates[%d]", i)
		f.criterion(at+".id", g.ID, seen)
		f.filled(at+".title", g.Title)
		f.judgeGate(at, g)
	}
}

// criterion asks for a name that no other criterion has.
func (f *file) criterion(path, id string, seen map[string]bool) {
	f.matches(path, id, criterionForm, "lower-case letters, digits and -")
	if seen[id] {
		f.problem(path, "%q stands twice, or is a name that the watch uses itself", id)
	}
	seen[id] = true
}

func (f *file) judgeGate(at string, g Gate) {
	if g.AtLeast < 0 {
		f.problem(at+".at_least", "must not be negative")
	}
	switch g.Kind {
	case GateRatio:
		f.filled(at+".total", g.Total)
		if len(g.Budgets) == 0 {
			f.problem(at+".budgets", "must hold at least one budget")
		}
		for i, b := range g.Budgets {
			of := fmt.Sprintf("%s.budgets[%d]", at, i)
			f.filled(of+".what", b.What)
			f.filled(of+".bad", b.Bad)
			f.share(of+".below", b.Below)
		}
	case GateAvailability:
		f.filled(at+".total", g.Total)
		f.filled(at+".bad", g.Bad)
		f.share(at+".above", g.Above)
	case GateLatency:
		f.filled(at+".histogram", g.Histogram)
		f.positive(at+".bound", g.Bound)
		f.share(at+".share", g.Share)
	case GateBaseline:
		f.filled(at+".histogram", g.Histogram)
		f.positive(at+".window", g.Window)
		f.share(at+".effect", g.Effect)
		if effect, err := ParseShare(g.Effect); err == nil && effect <= 0.5 {
			f.problem(at+".effect", "%s is not above 50%%, which is no change", g.Effect)
		}
	case GateAudit:
		f.filled(at+".total", g.Total)
		f.filled(at+".rows", g.Rows)
		f.filled(at+".bad", g.Bad)
	default:
		f.problem(at+".kind", "%q is none of ratio, availability, latency, baseline and audit", g.Kind)
	}
}

func (f *file) judgePhases(r *Rollout) {
	names, last := map[string]bool{}, map[string]float64{}
	for i, p := range r.Phases {
		at := fmt.Sprintf("rollout.phases[%d]", i)
		f.filled(at+".name", p.Name)
		if names[p.Name] {
			f.problem(at+".name", "%q stands twice", p.Name)
		}
		names[p.Name] = true
		if !slices.Contains(environments, p.Environment) {
			f.problem(at+".environment", "%q is none of development, staging and production", p.Environment)
		}
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
		if p.Samples < 0 {
			f.problem(at+".samples", "must not be negative")
		}
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

// What the watch counts and tells of by itself has names that the file cannot give.
var (
	ownCounts = []string{"surveillance"}
	ownAlerts = []string{"metrics", "drift", "instances", "auto-advance"}
)

// taken are names that nobody else can have.
func taken(names []string) map[string]bool {
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	return seen
}

func (f *file) judgeRules(r *Rollout) {
	seen := taken(ownCounts)
	for i, rule := range r.Rollback {
		at := fmt.Sprintf("rollout.rollback[%d]", i)
		f.criterion(at+".id", rule.ID, seen)
		f.filled(at+".title", rule.Title)
		f.filled(at+".total", rule.Total)
		f.filled(at+".bad", rule.Bad)
		f.share(at+".above", rule.Above)
		f.positive(at+".for", rule.For)
		f.action(at+".action", rule.Action)
	}
	s := r.Surveillance
	if s.Total == "" && s.Bad == "" {
		return
	}
	const at = "rollout.surveillance"
	f.filled(at+".title", s.Title)
	f.filled(at+".total", s.Total)
	f.filled(at+".bad", s.Bad)
	f.share(at+".healthy", s.Healthy)
	if len(s.Alternatives) == 0 {
		f.problem(at+".alternatives", "must hold at least one share")
	}
	healthy, _ := ParseShare(s.Healthy)
	for i, text := range s.Alternatives {
		of := fmt.Sprintf("%s.alternatives[%d]", at, i)
		f.share(of, text)
		if share, err := ParseShare(text); err == nil && share <= healthy {
			f.problem(of, "%s is not above healthy, %s", text, s.Healthy)
		}
	}
	if s.Evidence < 2 {
		f.problem(at+".evidence", "must be at least 2")
	}
	f.action(at+".action", s.Action)
}

func (f *file) judgeAlerts(r *Rollout) {
	seen := taken(ownAlerts)
	for i, a := range r.Alerts {
		at := fmt.Sprintf("rollout.alerts[%d]", i)
		f.criterion(at+".id", a.ID, seen)
		f.filled(at+".title", a.Title)
		if !slices.Contains(levels, a.Level) {
			f.problem(at+".level", "%q is none of page, warning and info", a.Level)
		}
		f.positive(at+".for", a.For)
		switch a.Kind {
		case AlertRatio:
			f.filled(at+".total", a.Total)
			f.filled(at+".bad", a.Bad)
			f.share(at+".above", a.Above)
		case AlertSlow:
			f.filled(at+".histogram", a.Histogram)
			f.positive(at+".bound", a.Bound)
			f.share(at+".share", a.Share)
		case AlertRate:
			f.filled(at+".bad", a.Bad)
			if a.PerMinute < 1 {
				f.problem(at+".per_minute", "must be at least 1")
			}
		default:
			f.problem(at+".kind", "%q is none of ratio, slow and rate", a.Kind)
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

func (f *file) action(path, text string) {
	if !slices.Contains(actions, text) {
		f.problem(path, "%q is neither off nor step down", text)
	}
}
