package rehearsal

import (
	"slices"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// Results are the findings of the rehearsal, without titles: docs/rehearsal.md says what
// each id means.
func (o *Outcome) Results() []ops.Result {
	there := o.Pass(There)
	if there == nil {
		return nil
	}
	results := []ops.Result{o.applies(there)}
	results = append(results, o.reversible()...)
	results = append(results, o.repeats()...)
	results = append(results, o.locks()...)
	results = append(results, o.rewrite(), o.lost())
	results = append(results, o.rows()...)
	results = append(results, o.clients()...)
	return append(results, o.files(there)...)
}

// found gives a result its id.
func found(id string, r ops.Result) ops.Result {
	r.ID = "rehearse." + id
	return r
}

// said is a fact that is a line of its own.
func said(line string) ops.Fact { return ops.Fact{Value: line} }

func lines(texts []string) []ops.Fact {
	facts := make([]ops.Fact, 0, len(texts))
	for _, text := range texts {
		facts = append(facts, said(text))
	}
	return facts
}

// mostChanges is how many differences are shown under a finding.
const mostChanges = 20

// told are the changes of a schema, a line each.
func told(changes []pg.Change) []string {
	var all []string
	for _, c := range changes[:min(len(changes), mostChanges)] {
		all = append(all, c.String())
	}
	if more := len(changes) - mostChanges; more > 0 {
		all = append(all, "and "+counted(more, "more change"))
	}
	return all
}

// distinct leaves out what was said before.
func distinct(texts []string) []string {
	var all []string
	for _, text := range texts {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
