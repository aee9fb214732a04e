package release

import (
	"fmt"
)

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
		at := f.criterion("rollback", i, rule.ID, rule.Title, seen)
		f.bad(at, rule.Total, rule.Bad)
		f.share(at+".above", rule.Above)
		f.positive(at+".for", rule.For)
		f.among(at+".action", rule.Action, ActionOff, ActionStepDown)
	}
	s := r.Surveillance
	if s.Total == "" && s.Bad == "" {
		return
	}
	const at = "rollout.surveillance"
	f.filled(at+".title", s.Title)
	f.bad(at, s.Total, s.Bad)
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
	f.among(at+".action", s.Action, ActionOff, ActionStepDown)
}

func (f *file) judgeAlerts(r *Rollout) {
	seen := taken(ownAlerts)
	for i, a := range r.Alerts {
		at := f.criterion("alerts", i, a.ID, a.Title, seen)
		f.among(at+".level", a.Level, "page", "warning", "info")
		f.positive(at+".for", a.For)
		switch a.Kind {
		case AlertRatio:
			f.bad(at, a.Total, a.Bad)
			f.share(at+".above", a.Above)
		case AlertSlow:
			f.slow(at, a.Histogram, a.Bound, a.Share)
		case AlertRate:
			f.filled(at+".bad", a.Bad)
			if a.PerMinute < 1 {
				f.problem(at+".per_minute", "must be at least 1")
			}
		default:
			f.among(at+".kind", a.Kind, AlertRatio, AlertSlow, AlertRate)
		}
	}
}
