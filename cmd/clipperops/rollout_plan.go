package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
)

func rolloutPlanCommand() command {
	return command{
		name:     "plan",
		usage:    "the phases: what is done, now, next",
		examples: []string{"clipperops rollout plan --env production"},
		codes:    lookingCodes,
		action:   lists(runbook.RolloutPlan, planList),
	}
}

func planList(lines []runbook.PhaseLine) reports.List {
	l := reports.List{
		Items:   lines,
		Columns: []string{"phase", "state", "environment", "exposure", "soak", "gates", "sign-offs"},
		Empty:   "the release has no phases",
	}
	marks := map[string]string{"done": "✓ done", "skipped": "skipped", "now": "▶ now", "next": "next", "later": "", "elsewhere": "elsewhere", "unknown": "not known: no database is configured"}
	if !slices.ContainsFunc(lines, func(p runbook.PhaseLine) bool { return p.State == "now" }) {
		marks["next"] = "next (none is under way)"
	}
	for _, p := range lines {
		exposure := p.Percentage + "%"
		if p.Users.Most > 0 {
			exposure += fmt.Sprintf(" and %d–%d users", p.Users.Least, p.Users.Most)
		}
		soak := "ongoing"
		if p.Soak.Most > 0 {
			soak = soakText(p.Soak)
		}
		l.Rows = append(l.Rows, []string{
			p.Name, marks[p.State], p.Environment, exposure, soak, strings.Join(p.Gates, " "), strings.Join(append(append([]string{}, p.Entry...), p.SignOffs...), " "),
		})
	}
	return l
}

// soakText is "48–72 h", and with minutes where a phase is that short.
func soakText(s release.Soak) string {
	if s.Least%time.Hour == 0 && s.Most%time.Hour == 0 {
		return fmt.Sprintf("%d–%d h", s.Least/time.Hour, s.Most/time.Hour)
	}
	return fmt.Sprintf("%s–%s", reports.Duration(s.Least), reports.Duration(s.Most))
}
