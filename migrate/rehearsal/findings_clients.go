package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// clients tells what running programs may know by name, or do, and that fails once the
// plan is applied.
func (o *Outcome) clients() []ops.Result {
	var breaks, fixes []string
	o.each(func(f *File, s *Statement) {
		c := readCommand(f, s)
		if made := slices.ContainsFunc(f.Locks, func(l Lock) bool { return l.Relation.New && isNamed(l.Relation, c.target) }); made {
			return
		}
		if r, ok := renamingIn(c); ok {
			if r.column != "" {
				breaks = append(breaks, fmt.Sprintf("column %s of %s is called %s", folded(r.column), folded(r.table), folded(r.to)))
			} else {
				breaks = append(breaks, fmt.Sprintf("table %s is called %s", folded(r.table), folded(r.to)))
			}
			fixes = append(fixes, "safe form: "+rename(c))
		}
		if enum, old := renamedValue(c); old != "" {
			breaks = append(breaks, fmt.Sprintf("the value %s of %s is called otherwise", old, folded(enum)))
			fixes = append(fixes, "safe form: "+renameValue(c))
		}
		if fix := dropColumn(c); fix != "" {
			fixes = append(fixes, "safe form: "+fix)
		}
	})
	for _, c := range o.gone() {
		if slices.Contains(knownByName, c.Kind) {
			breaks = append(breaks, c.Key.String()+" is gone")
		}
	}
	for _, column := range o.newlyNeeded() {
		breaks = append(breaks, "INSERT without a value for "+column)
		fixes = append(fixes, "safe form: a default for "+column+", until every client gives a value")
	}
	breaks = distinct(breaks)
	switch {
	case len(breaks) == 0:
		return nil
	case !o.forward():
		return []ops.Result{found("clients", ops.Pass("fails for clients of the newer version: "+and(breaks), lines(breaks)...))}
	}
	if len(fixes) == 0 {
		fixes = []string{"first release the program that does without; then take it away"}
	}
	return []ops.Result{found("clients", ops.Warn("breaks running clients that rely on it: "+and(breaks),
		strings.Join(distinct(fixes), "\n"), lines(breaks[:min(len(breaks), mostChanges)])...))}
}

// newlyNeeded are new columns of tables that were there before, for which every INSERT
// must give a value.
func (o *Outcome) newlyNeeded() []string {
	there := o.Pass(There)
	if o.Before == nil || there.After == nil {
		return nil
	}
	renamed := o.renamedNames()
	var columns []string
	for _, c := range pg.Diff(o.Before, there.After) {
		if c.Op != pg.Added || c.Kind != pg.KindColumn || !strings.Contains(c.After, " NOT NULL") {
			continue
		}
		fromRename := slices.ContainsFunc(renamed, func(name string) bool { return strings.HasPrefix(name, unquoted(c.Of.Name)+".") })
		if !fromRename && !strings.Contains(c.After, " DEFAULT ") && !strings.Contains(c.After, " GENERATED ") {
			columns = append(columns, strings.TrimPrefix(c.Name, "public."))
		}
	}
	return columns
}
