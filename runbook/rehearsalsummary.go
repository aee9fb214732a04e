package runbook

import (
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// recordRehearsal shows what was found: the whole in a few lines, and every finding as
// a check of its own.
func (f *flow) recordRehearsal(s *ops.Step, r rehearsed, found []ops.Result) {
	if r.outcome.Refusal() == nil {
		s.Record(rehearsalSummary(r.outcome, found, time.Since(s.Started)))
	}
	for _, result := range found {
		result.Title, result.Fix = rehearsal.Title(result.ID), f.addressed(result.Fix)
		s.Record(result)
	}
}

// rehearsalSummary is the rehearsal in a few lines.
func rehearsalSummary(o *rehearsal.Outcome, found []ops.Result, took time.Duration) ops.Result {
	way, reversible := "up, down, up", "reversible"
	if o.Plan.Direction == migrate.Down {
		way, reversible = "down, up", "the way forward stays open"
	}
	switch back := o.Pass(rehearsal.Back); {
	case back == nil:
		way, reversible = string(o.Plan.Direction), "no way back was tried"
	case verdictOn(found, "rehearse.reversible") != ops.StatusPass:
		reversible = "not reversible"
		if o.Plan.Direction == migrate.Down {
			reversible = "the way forward is not open"
		}
	}
	r := finding("rehearse", ops.Pass(fmt.Sprintf("%s on a clone on %s: %s", way, o.Place, reversible)))
	r.Took = took
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

// verdictOn is the status of the finding of that id, pass when there is none.
func verdictOn(found []ops.Result, id string) ops.Status {
	for _, r := range found {
		if r.ID == id {
			return r.Status
		}
	}
	return ops.StatusPass
}
