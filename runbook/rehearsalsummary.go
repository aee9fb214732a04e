package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// recordRehearsal shows what was found: the whole in a few lines, and every finding as
// a check of its own.
func (f *flow) recordRehearsal(s *ops.Step, r rehearsed, found []ops.Result) {
	refusal := r.outcome.Refusal()
	if refusal == nil {
		s.Record(rehearsalSummary(r.outcome, found, time.Since(s.Started)))
	}
	for _, result := range found {
		result = saidOnce(result, refusal)
		result.Title, result.Fix = rehearsal.Title(result.ID), f.addressed(result.Fix)
		s.Record(result)
	}
}

// saidOnce leaves out of a finding what its own summary says already, and what the
// refusal, which is the run's last word, says of it.
func saidOnce(r ops.Result, refusal *ops.Failure) ops.Result {
	repeated := func(f ops.Fact) bool { return f.Name == "" && strings.Contains(r.Summary, f.Value) }
	if !slices.ContainsFunc(r.Evidence, func(f ops.Fact) bool { return !repeated(f) }) {
		r.Evidence = nil
	}
	if refusal == nil || r.Status != ops.StatusFail {
		return r
	}
	r.Evidence = slices.DeleteFunc(slices.Clone(r.Evidence), func(f ops.Fact) bool {
		return f.Name == "" && slices.Contains(refusal.Detail, f.Value)
	})
	return r
}

// rehearsalSummary is the rehearsal in a few lines.
func rehearsalSummary(o *rehearsal.Outcome, found []ops.Result, took time.Duration) ops.Result {
	way := "up, down, up"
	if o.Plan.Direction == migrate.Down {
		way = "down, up"
	}
	if o.Pass(rehearsal.Back) == nil {
		way = string(o.Plan.Direction)
	}
	r := finding("rehearse", ops.Pass(fmt.Sprintf("%s on a clone on %s: %s", way, o.Place, verdictOnTheWayBack(o, found))))
	r.Took = took
	for _, one := range found {
		switch one.ID {
		case "rehearse.backup":
			r.Evidence = append(r.Evidence, ops.Fact{Value: one.Summary})
		case "rehearse.applies":
			r.Evidence = append(r.Evidence, untried(one)...)
		}
	}
	for _, id := range []string{"rehearse.locks", "rehearse.rewrite", "rehearse.lost"} {
		if o.Plan.Direction == migrate.Down && id == "rehearse.lost" {
			continue // the plan says so, with the rows
		}
		for _, one := range found {
			if one.ID == id {
				r.Evidence = append(r.Evidence, ops.Fact{Value: one.Summary})
			}
		}
	}
	return r
}

// maxUntried is how many statements the summary names that only rows can make fail.
const maxUntried = 3

// untried is what a plan that passed on a clone without rows has not been tried on.
func untried(applies ops.Result) []ops.Fact {
	if applies.Status != ops.StatusPass {
		return nil
	}
	facts := slices.Clone(applies.Evidence[:min(len(applies.Evidence), maxUntried)])
	if more := len(applies.Evidence) - len(facts); more > 0 {
		facts = append(facts, ops.Fact{Value: "and " + counted(more, "more statement", "more statements")})
	}
	return facts
}

// verdictOnTheWayBack is what the rehearsal says of it in a few words. Rows that go do not
// come back with the schema.
func verdictOnTheWayBack(o *rehearsal.Outcome, found []ops.Result) string {
	reaches, why := o.WayBack()
	down := o.Plan.Direction == migrate.Down
	switch {
	case o.Pass(rehearsal.Back) == nil && why == "":
		return "no way back was tried"
	case reaches != o.Plan.From && down:
		return "the way forward is not open"
	case reaches != o.Plan.From:
		return "not reversible"
	case why != "" && down:
		return "the way forward leads to another schema"
	case why != "":
		return "not reversible: " + why
	case down:
		return "the way forward stays open"
	case verdictOn(found, "rehearse.lost") != ops.StatusPass:
		return "its schema is reversible, what it loses is not"
	}
	if o.Mode == rehearsal.WithData {
		return "reversible"
	}
	return "the schema is reversible, rows were not tried"
}

// verdictOn is the status of the finding of that id, pass when there is none.
func verdictOn(found []ops.Result, id string) ops.Status {
	for _, r := range found {
		if r.ID == id {
			return r.Status
		}
	}
	return ops.StatusPass
}
