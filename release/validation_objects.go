package release

import (
	"fmt"
	"strings"
)

// known is what the object section declares, for the sections that point at it.
type known struct {
	tables  map[string]uint64 // made or altered → the version that first names it
	made    map[string]bool
	indexes map[string]uint64
	columns map[string]bool // "table.column"
}

func (f *file) judgeObjects(r *Release) known {
	k := known{tables: map[string]uint64{}, made: map[string]bool{}, indexes: map[string]uint64{}, columns: map[string]bool{}}
	required := map[string]bool{}
	for _, t := range r.Prerequisites.Tables {
		required[t.Name] = true
	}
	functions := f.judgeFunctions(r)
	var last uint64
	for i, o := range r.Objects {
		path := fmt.Sprintf("objects[%d]", i)
		if f.version(r, path+".version", o.Version) && o.Version <= last {
			f.problem(path+".version", "%d does not come after %d: versions ascend", o.Version, last)
		}
		last = o.Version
		here := map[string]bool{}
		for j, t := range o.Tables {
			at := fmt.Sprintf("%s.tables[%d]", path, j)
			f.identifier(at+".name", t.Name)
			f.once(here, at+".name", "table", t.Name)
			since, earlier := k.tables[t.Name]
			switch {
			case t.Altered && !earlier && !required[t.Name]:
				f.problem(at+".name", "%q is altered, but neither a prerequisite nor made by an earlier version", t.Name)
			case !t.Altered && earlier && since != o.Version:
				f.problem(at+".name", "%q stands already in an earlier version: say altered: true", t.Name)
			}
			if !earlier {
				k.tables[t.Name] = o.Version
			}
			k.made[t.Name] = k.made[t.Name] || !t.Altered
			f.judgeTable(at, o.Version, t, k, functions)
		}
	}
	return k
}

func (f *file) judgeFunctions(r *Release) map[string]bool {
	functions := map[string]bool{}
	for i, o := range r.Objects {
		for j, fn := range o.Functions {
			path := fmt.Sprintf("objects[%d].functions[%d]", i, j)
			f.identifier(path+".name", fn.Name)
			f.once(functions, path+".name", "function", fn.Name)
			f.filled(path+".returns", fn.Returns)
		}
	}
	return functions
}

func (f *file) judgeTable(path string, version uint64, t Table, k known, functions map[string]bool) {
	if !t.Altered && len(t.Columns) == 0 {
		f.problem(path+".columns", "must list the columns of a table that is made here")
	}
	for i, c := range t.Columns {
		at := fmt.Sprintf("%s.columns[%d]", path, i)
		f.identifier(at+".name", c.Name)
		f.once(k.columns, at+".name", "column", t.Name+"."+c.Name)
		f.filled(at+".type", c.Type)
	}
	for i, x := range t.Indexes {
		at := fmt.Sprintf("%s.indexes[%d]", path, i)
		f.identifier(at+".name", x.Name)
		if _, twice := k.indexes[x.Name]; twice {
			f.problem(at+".name", "the index %q stands twice", x.Name)
		}
		k.indexes[x.Name] = version
		f.identifier(at+".method", x.Method)
		if len(x.Keys) == 0 {
			f.problem(at+".keys", "must name at least one key")
		}
		for j, key := range x.Keys {
			f.filled(fmt.Sprintf("%s.keys[%d]", at, j), key)
		}
	}
	names := map[string]bool{}
	for i, c := range t.Constraints {
		at := fmt.Sprintf("%s.constraints[%d]", path, i)
		f.identifier(at+".name", c.Name)
		f.once(names, at+".name", "constraint", c.Name)
		f.judgeConstraint(at, c)
	}
	for i, g := range t.Triggers {
		at := fmt.Sprintf("%s.triggers[%d]", path, i)
		f.identifier(at+".name", g.Name)
		f.once(names, at+".name", "trigger", g.Name)
		f.judgeTrigger(at, g, functions)
	}
}

func (f *file) judgeConstraint(path string, c Constraint) {
	f.among(path+".kind", c.Kind, KindPrimaryKey, KindForeignKey, KindUnique, KindCheck, KindExclusion)
	key := c.Kind == KindPrimaryKey || c.Kind == KindForeignKey || c.Kind == KindUnique
	if key && len(c.Columns) == 0 {
		f.problem(path+".columns", "must name the columns of a %s", c.Kind)
	}
	for i, column := range c.Columns {
		f.identifier(fmt.Sprintf("%s.columns[%d]", path, i), column)
	}
	if c.Kind == KindForeignKey {
		f.identifier(path+".references", c.References)
		f.among(path+".on_delete", c.OnDelete, "no action", "restrict", "cascade", "set null", "set default")
	} else if c.References != "" || c.OnDelete != "" {
		f.problem(path, "only a foreign key has references and on_delete")
	}
	if len(c.Values) > 0 && c.Kind != KindCheck {
		f.problem(path+".values", "only a check has values")
	}
}

func (f *file) judgeTrigger(path string, g Trigger, functions map[string]bool) {
	f.among(path+".timing", g.Timing, "before", "after")
	if len(g.Events) == 0 {
		f.problem(path+".events", "must name at least one event")
	}
	seen := map[string]bool{}
	for i, e := range g.Events {
		at := fmt.Sprintf("%s.events[%d]", path, i)
		f.among(at, e, "insert", "update", "delete")
		f.once(seen, at, "event", e)
	}
	f.identifier(path+".function", g.Function)
	if len(functions) > 0 && !functions[g.Function] && !strings.HasPrefix(g.Function, "pg_") {
		f.problem(path+".function", "%q is not among the functions of the release", g.Function)
	}
}
