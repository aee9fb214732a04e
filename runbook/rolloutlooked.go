package runbook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
)

// looked records what one look found, for a run that ends with it: what keeps it from
// knowing, and every alert that is on, also one that an earlier run has told people of.
func (w *watching) looked(r rollout.Report) {
	w.step.Record(finding("rollout.looked", ops.Pass(fmt.Sprintf("%s is %s%s", w.Release.Rollout.Flag, stands(r.View.Actual()), countedNow(r.Sample)))))
	for _, p := range r.Problems {
		w.step.Record(finding("rollout.unknown", ops.Warn(p, "until that is mended it is neither good nor bad; where it stands: "+w.invocation("rollout status"))))
	}
	told := map[string]bool{}
	for _, a := range r.Alerts {
		told[a.ID] = true
		if a.Over {
			w.step.Record(finding("rollout.alert", ops.Pass("over: "+a.Title)))
			continue
		}
		w.alertOn(r, a.Title, a.Words)
	}
	for _, id := range r.Sample.Firing {
		if !told[id] {
			w.alertOn(r, rollout.AlertTitle(&w.Release.Rollout, id), lasting(id, r))
		}
	}
}

// alertOn records an alert that is on, unless a problem has said it.
func (w *watching) alertOn(r rollout.Report, title, words string) {
	switch {
	case words == "":
		w.step.Record(finding("rollout.alert", ops.Warn(title, "")))
	case !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, words) }):
		w.step.Record(finding("rollout.alert", ops.Warn(title+": "+words, "")))
	}
}

// lasting is what there is to an alert that goes on; "" where no more is known.
func lasting(id string, r rollout.Report) string {
	switch id {
	case rollout.AlertMetrics:
		return r.Sample.Problem
	case rollout.AlertDrift:
		return fmt.Sprintf("the flag is %s; the rollout left it %s", stands(r.View.Actual()), stands(r.View.State.Exposure))
	case rollout.AlertInstances:
		return strings.Join(r.Sample.Late, ", ")
	}
	return ""
}

// countedNow is how many failed since the last look, "" where that is not known. Rules that
// count different things are told by what most was counted of.
func countedNow(s rollout.Sample) string {
	var most gate.Tick
	for _, t := range s.Counts {
		if t.Known && (!most.Known || t.Total > most.Total) {
			most = t
		}
	}
	if !most.Known {
		return ""
	}
	return fmt.Sprintf("; %d of %d failed since %s", most.Bad, most.Total, most.From.UTC().Format("15:04:05 UTC"))
}
