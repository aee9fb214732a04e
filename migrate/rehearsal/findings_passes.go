package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// applies says whether the plan ran to its end.
func (o *Outcome) applies(there *Pass) ops.Result {
	if there.Failure != nil {
		r := ops.Fail(failedFile(there)+" fails on the clone", mendFailed(there), lines(there.Failure.Detail)...)
		r.Evidence = append(r.Evidence, said(o.reach(there)))
		return found("applies", r)
	}
	summary := fmt.Sprintf("%s ran on %s in %s", counted(len(there.Files), "file"), o.where(), lasting(there.Took))
	if o.Mode == WithData {
		return found("applies", ops.Pass(summary+", with the backup's rows"))
	}
	if fails, fixes := o.failsOnRows(); len(fails) > 0 {
		return found("applies", ops.Warn(summary+", and will fail on the rows of the database", strings.Join(fixes, "\n"), lines(fails)...))
	}
	return found("applies", ops.Pass(summary, lines(o.untried())...))
}

// where is the place of the clone for a sentence.
func (o *Outcome) where() string {
	if o.Place == "" {
		return "the clone"
	}
	return "a clone on " + o.Place
}

// failsOnRows finds what an empty table allows and one with rows does not.
func (o *Outcome) failsOnRows() (fails, fixes []string) {
	o.each(func(f *File, s *Statement) {
		c := readCommand(f, s)
		for _, action := range c.actions {
			column, needed := neededColumn(action)
			if !needed {
				continue
			}
			for _, l := range f.Locks {
				if size := o.Sizes[l.Relation.String()]; isNamed(l.Relation, c.target) && !l.Relation.New && size.Rows > 0 {
					fails = append(fails, fmt.Sprintf("%s: column %s is NOT NULL without a default, and %s has %s", f.at(s), column.name, l.Relation, size))
					fixes = append(fixes, "safe form: "+addNotNull(c))
				}
			}
		}
	})
	return fails, distinct(fixes)
}

// untried are statements whose success hangs on rows that a clone of the schema lacks.
func (o *Outcome) untried() []string {
	var all []string
	o.each(func(f *File, s *Statement) {
		c := readCommand(f, s)
		for _, l := range f.Locks {
			size := o.Sizes[l.Relation.String()]
			if l.Relation.New || size.rows() == 0 || !c.checksRows() || !isNamed(l.Relation, c.target) {
				continue
			}
			all = append(all, fmt.Sprintf("not tried on rows: %s: %s (%s has %s); --rehearse data tries it", f.at(s), brief(s), l.Relation, size))
		}
	})
	return all
}

// checksRows reports whether the rows that are there can make the statement fail.
func (c *command) checksRows() bool {
	return setNotNull(c) != "" || addCheck(c) != "" || addForeignKey(c) != "" || addUnique(c) != "" || addExclude(c) != "" || changeType(c) != ""
}

// reversible says whether the way back leads back.
func (o *Outcome) reversible() []ops.Result {
	there, back := o.Pass(There), o.Pass(Back)
	if there.Failure != nil {
		return nil
	}
	judge := o.judgeOfTheWayBack()
	switch {
	case back == nil && o.NoWayBack != nil:
		return []ops.Result{found("reversible", judge("there is no way back", o.mendWayBack(), lines(causes(o.NoWayBack))...))}
	case back == nil:
		return []ops.Result{found("reversible", ops.Skip("the way back was not rehearsed"))}
	case back.Failure != nil:
		r := judge("the way back ends at "+failedFile(back), o.mendWayBack(), lines(back.Failure.Detail)...)
		r.Evidence = append(r.Evidence, said(o.reach(back)))
		return []ops.Result{found("reversible", r)}
	case o.Plan != nil && o.Plan.Resumes:
		return []ops.Result{found("reversible", ops.Pass("the way back runs, "+o.rowsTried()+"; a file that was half done cannot be compared with what was before it"))}
	}
	changes := o.notRestored()
	switch {
	case len(changes) == 0:
	case onlyOrder(changes):
		return []ops.Result{found("reversible", ops.Warn(o.wayBack()+" leave columns in another order than there was",
			"nothing to do, unless a client counts on the order: SELECT *, or INSERT without a list of columns", lines(o.blamed(changes))...))}
	default:
		return []ops.Result{found("reversible", judge(o.wayBack()+" leave another schema than there was: "+counted(len(changes), "difference"),
			o.mendWayBack(), lines(o.blamed(changes))...))}
	}
	return []ops.Result{found("reversible", ops.Pass(fmt.Sprintf("reversible: the schema, by %s in %s; %s", o.wayBack(), lasting(back.Took), o.rowsTried())))}
}

// rowsTried says what the way back proves of rows: nothing, for only schemas are compared.
func (o *Outcome) rowsTried() string {
	if o.Mode == WithData {
		return "rows were not compared"
	}
	return "rows were not tried"
}

// wayBack names the files that lead back.
func (o *Outcome) wayBack() string {
	if o.forward() {
		return "the down files"
	}
	return "the up files"
}

// judgeOfTheWayBack is how grave a fault in the way back is: of a rollback the way back
// is forward again, and nobody has to go there.
func (o *Outcome) judgeOfTheWayBack() func(summary, fix string, evidence ...ops.Fact) ops.Result {
	if o.forward() && !o.AllowIrreversible {
		return ops.Fail
	}
	return ops.Warn
}

func (o *Outcome) mendWayBack() string {
	switch {
	case o.AllowIrreversible:
		return "when a way back is wanted, mend the down file"
	case o.forward():
		return "mend the down file; or accept that there is no way back: --allow-irreversible"
	}
	return "before you migrate again, mend the up file"
}

// notRestored is how the schema after the way back differs from the one before the plan.
func (o *Outcome) notRestored() []pg.Change {
	back := o.Pass(Back)
	if back == nil || back.After == nil || o.Before == nil {
		return nil
	}
	return pg.Diff(o.Before, back.After)
}

// onlyOrder reports whether nothing but the order of columns differs: ALTER TABLE adds a
// column at the end, so that no down file can put a dropped one back where it was.
func onlyOrder(changes []pg.Change) bool {
	return !slices.ContainsFunc(changes, func(c pg.Change) bool { return c.Kind != pg.KindColumnOrder })
}

// blamed are changes with the file of the plan that first made them.
func (o *Outcome) blamed(changes []pg.Change) []string {
	all := told(changes)
	for i, c := range changes[:min(len(changes), mostChanges)] {
		if file := o.madeBy(c.Key); file != "" {
			all[i] += "  (" + file + ")"
		}
	}
	return all
}

// madeBy is the file whose changes have that object, "" when none does.
func (o *Outcome) madeBy(k pg.Key) string {
	for _, f := range o.Pass(There).Files {
		for _, c := range pg.Flatten(f.Changes) {
			switch {
			case c.Key != k:
			case f.Since != "" && f.Since != f.FileName:
				return f.Since + " … " + f.FileName
			default:
				return f.FileName
			}
		}
	}
	return ""
}

// repeats says whether the plan does the same again after the way back.
func (o *Outcome) repeats() []ops.Result {
	there, again := o.Pass(There), o.Pass(Again)
	if again == nil {
		return nil
	}
	const fix = "mend the down file: it leaves something behind, or takes too much"
	if again.Failure != nil {
		return []ops.Result{found("repeats", ops.Warn("after the way back "+failedFile(again)+" cannot be applied again", fix, lines(again.Failure.Detail)...))}
	}
	if there.After == nil || again.After == nil {
		return nil
	}
	if changes := pg.Diff(there.After, again.After); len(changes) > 0 {
		return []ops.Result{found("repeats", ops.Warn("applied again, the plan leads to another schema: "+counted(len(changes), "difference"), fix, lines(told(changes))...))}
	}
	return []ops.Result{found("repeats", ops.Pass("applied again after the way back, whole, it leads to the same schema"))}
}
