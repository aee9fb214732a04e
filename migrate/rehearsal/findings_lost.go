package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// holdsData are the kinds of objects whose loss is a loss of data.
var holdsData = []pg.Kind{pg.KindTable, pg.KindMaterializedView, pg.KindColumn}

// knownByName are the kinds of objects that programs know by name.
var knownByName = []pg.Kind{pg.KindTable, pg.KindView, pg.KindMaterializedView, pg.KindForeignTable, pg.KindColumn, pg.KindFunction, pg.KindProcedure, pg.KindSequence, pg.KindType, pg.KindEnum, pg.KindDomain, pg.KindSchema}

// gone are the objects that were there before the plan and are not after it, those that
// only have another name left out.
func (o *Outcome) gone() []pg.Change {
	there := o.Pass(There)
	if o.Before == nil || there.After == nil {
		return nil
	}
	renamed := o.renamedNames()
	var all []pg.Change
	for _, c := range pg.Diff(o.Before, there.After) {
		if c.Op == pg.Removed && !slices.Contains(renamed, unquoted(c.Name)) {
			all = append(all, c)
		}
	}
	return all
}

// renamedNames are the names that the plan takes from objects: public.clips, public.clips.title.
func (o *Outcome) renamedNames() []string {
	var names []string
	o.each(func(f *File, s *Statement) {
		r, ok := renamingIn(readCommand(f, s))
		if !ok {
			return
		}
		for _, l := range f.Locks {
			if !isNamed(l.Relation, r.table) {
				continue
			}
			name := l.Relation.qualified()
			if r.column != "" {
				name += "." + folded(r.column)
			}
			names = append(names, name)
		}
	})
	return names
}

// lost tells which objects and rows the plan takes away. Of a rollback that is what it is
// for: its archive has them.
func (o *Outcome) lost() ops.Result {
	there := o.Pass(There)
	var data, rest, places, fixes []string
	for _, c := range o.gone() {
		line := o.goneSaid(c)
		if slices.Contains(holdsData, c.Kind) {
			data, places = append(data, line), append(places, line)
		} else {
			rest = append(rest, line)
		}
	}
	for _, l := range append(o.emptiedTables(), o.lostRows()...) {
		data, places = append(data, l.brief), append(places, l.whole)
	}
	o.each(func(f *File, s *Statement) {
		c := o.command(f, s)
		for _, line := range []string{dropTable(c), dropColumn(c), truncate(c)} {
			if line != "" {
				fixes = append(fixes, "safe form: "+line)
			}
		}
	})
	all := distinct(append(places, rest...))
	facts := lines(all[:min(len(all), mostChanges)])
	if more := len(all) - mostChanges; more > 0 {
		facts = append(facts, said("and "+counted(more, "more object")))
	}
	switch {
	case len(all) == 0 && there.Failure == nil:
		return found("lost", ops.Pass("nothing is lost"))
	case len(all) == 0:
		return found("lost", ops.Pass("nothing is lost by the files that ran"))
	case len(data) == 0:
		return found("lost", ops.Pass("no rows are lost; "+counted(len(rest), "object")+" go: "+and(rest), facts...))
	case !o.forward():
		return found("lost", ops.Pass("lost by going back: "+and(distinct(data)), facts...))
	}
	fix := strings.Join(distinct(fixes), "\n")
	if fix == "" {
		fix = "see that nothing needs it any more, and archive it"
	}
	return found("lost", ops.Warn("lost for good: "+and(distinct(data)), fix, facts...))
}

// goneSaid names an object that goes, and the rows that go with it.
func (o *Outcome) goneSaid(c pg.Change) string {
	line := c.Key.String()
	if c.Kind == pg.KindTable || c.Kind == pg.KindMaterializedView {
		schema, name, _ := strings.Cut(unquoted(c.Name), ".")
		line += o.inParentheses(Relation{Schema: schema, Name: name})
	}
	return line
}

// emptiedTables are tables that lose rows and may be there all the same: truncated, made
// anew, or with rows deleted.
func (o *Outcome) emptiedTables() []loss {
	var all []loss
	add := func(f *File, s *Statement, r Relation, what string) {
		all = append(all, loss{brief: what, whole: fmt.Sprintf("%s: %s are removed by %s; %s", f.at(s), what, brief(s), o.broughtBack(f, r, "DELETE"))})
	}
	o.each(func(f *File, s *Statement) {
		counted := map[string]bool{}
		for _, r := range s.Rows {
			if r.Deleted > 0 && !r.Relation.New && o.stillThere(r.Relation) {
				counted[r.Relation.String()] = true
				add(f, s, r.Relation, fmt.Sprintf("%s rows of %s", grouped(r.Deleted), r.Relation))
			}
		}
		c := readCommand(f, s)
		dropped := slices.DeleteFunc(slices.Clone(s.Dropped), func(r Relation) bool { return r.Kind != "table" && r.Kind != "materialized view" })
		if c.phrase().begins("TRUNCATE") {
			for _, l := range slices.Concat(s.Locks, f.Locks) {
				cascaded := slices.Contains(s.Locks, l)
				if l.Mode >= AccessExclusive && l.Relation.Kind == "table" && (cascaded || c.names(l.Relation)) && !slices.ContainsFunc(dropped, l.Relation.same) {
					dropped = append(dropped, l.Relation)
				}
			}
		}
		for _, r := range dropped {
			if size, known := o.Sizes[r.String()]; known && !r.New && size.rows() > 0 && !counted[r.String()] && o.stillThere(r) {
				add(f, s, r, fmt.Sprintf("the rows of %s%s", r, o.inParentheses(r)))
			}
		}
	})
	return all
}

// stillThere reports whether a table of that name stands after the plan.
func (o *Outcome) stillThere(r Relation) bool {
	there := o.Pass(There)
	if there.After == nil {
		return true
	}
	return slices.ContainsFunc(there.After.Objects, func(object pg.Object) bool {
		return (object.Kind == pg.KindTable || object.Kind == pg.KindMaterializedView) && unquoted(object.Name) == r.qualified()
	})
}
