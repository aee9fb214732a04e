package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// rewrite tells of tables whose rows are all written anew.
func (o *Outcome) rewrite() ops.Result {
	var said, facts []string
	var fixes []form
	warns := false
	o.each(func(f *File, s *Statement) {
		for _, r := range s.Rewritten {
			if r.New || r.Kind == "index" {
				continue
			}
			said = append(said, fmt.Sprintf("%s rewrites %s%s", brief(s), r, o.inParentheses(r)))
			line := fmt.Sprintf("%s: %s", f.at(s), brief(s))
			for _, w := range o.works(f, s) {
				if w.kind == rewriting && w.table.same(r) {
					line = fmt.Sprintf("%s: %s", f.at(s), o.workSaid(s, w))
					warns = warns || w.size.large() && o.weighs(f, s) == heavy
				}
			}
			facts = append(facts, line)
			fixes = append(fixes, formsOf(f, s, adviseOn(o.command(f, s)))...)
		}
	})
	switch {
	case len(said) == 0:
		return found("rewrite", ops.Pass("no table in use is rewritten"))
	case !warns:
		return found("rewrite", ops.Pass(strings.Join(said[:min(len(said), 3)], "; "), lines(facts)...))
	}
	return found("rewrite", ops.Warn(and(said), formLines(distinctForms(fixes)), lines(facts)...))
}

// rows tells of rows in use that the plan's statements write.
func (o *Outcome) rows() []ops.Result {
	var facts []string
	var fixes []form
	var heaviest string
	warns := false
	o.each(func(f *File, s *Statement) {
		for _, line := range o.writes(f, s) {
			facts = append(facts, f.at(s)+": "+line)
			if heaviest == "" {
				heaviest = brief(s) + ": " + line
			}
		}
		for _, w := range o.works(f, s) {
			if w.kind != updating || !w.size.large() || o.weighs(f, s) != heavy {
				continue
			}
			if !warns {
				heaviest = fmt.Sprintf("%s: %s", brief(s), o.workSaid(s, w))
			}
			warns = true
			c := readCommand(f, s)
			c.beside = o.besideDDL(f, s)
			advice := adviseOn(c)
			if len(advice) == 0 {
				advice = []Advice{{Safe: "in batches, from outside the migrations"}}
			}
			fixes = append(fixes, formsOf(f, s, advice)...)
		}
	})
	switch {
	case len(facts) == 0:
		return nil
	case warns:
		return []ops.Result{found("rows", ops.Warn(heaviest, formLines(distinctForms(fixes)), lines(facts)...))}
	}
	return []ops.Result{found("rows", ops.Pass(heaviest, lines(facts)...))}
}

// writes are the rows of tables in use that the statement writes: counted where the clone
// has rows, and what they can be where it has none.
func (o *Outcome) writes(f *File, s *Statement) []string {
	var all []string
	for _, r := range s.Rows {
		if r.Relation.New || emptied(s, r.Relation) {
			continue
		}
		for _, part := range []struct {
			n   int64
			did string
		}{{r.Updated, "changes"}, {r.Deleted, "deletes"}, {r.Inserted, "adds"}} {
			if part.n > 0 {
				all = append(all, fmt.Sprintf("%s %s of %s", part.did, counted(int(part.n), "row"), r.Relation))
			}
		}
	}
	if o.Mode == WithData {
		return all
	}
	for _, w := range o.works(f, s) {
		if w.kind == updating && w.size.rows() > 0 {
			all = append(all, fmt.Sprintf("can write up to %s of %s; --rehearse data counts them", w.size, w.table))
		}
	}
	return all
}

// besideDDL reports whether the statement runs while its file holds a lock that stops
// somebody.
func (o *Outcome) besideDDL(f *File, s *Statement) bool {
	return f.Transactional && slices.ContainsFunc(o.holds(f), func(h hold) bool {
		return h.taker != nil && h.taker.Index < s.Index
	})
}
