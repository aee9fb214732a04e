package repair

import (
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// foreign says why a database is none of these files', "" where it can be one of theirs.
// Nothing of a file stands in any such database, which is no reason to write a version into
// it. built is nil where the files cannot be run on an empty database.
func (e *examiner) foreign(built, derived *corridor) string {
	files := &pg.Snapshot{}
	there, missing := e.spokenOf()
	if built != nil {
		files = built.at.schema
		there, missing = e.made(built.lower().schema)
	}
	switch {
	case missing > there:
		return fmt.Sprintf("of what the files of %s make before %s, %d of %d tables, columns and functions stand in this database", e.Source.Label, id(uint64(max(e.mark, 0))), there, there+missing)
	case there == 0 && len(derived.broken()) > 0 && e.strangers(files):
		return fmt.Sprintf("no object of the files of %s stands in this database, the tables that do are of none of them, and %s cannot be run here: %s",
			e.Source.Label, id(uint64(max(e.mark, 0))), derived.broken()[0].failed.Error())
	}
	return ""
}

// spokenOf counts the tables that the files before the mark speak of making, and none takes
// away again: which of them stand in the database, and which do not.
func (e *examiner) spokenOf() (there, missing int) {
	var made []migrate.Table
	for _, v := range e.Source.Versions() {
		if e.before == nil || v > *e.before {
			break
		}
		f, ok := e.Source.Up(v)
		if !ok {
			continue
		}
		t := f.Touches()
		made = slices.DeleteFunc(append(made, t.Created...), func(n migrate.Table) bool { return slices.Contains(t.Dropped, n) })
	}
	for _, name := range made {
		if slices.ContainsFunc(e.target.Objects, func(o pg.Object) bool { return relation(o.Kind) && named(o.Name, name, e.State.Schema) }) {
			there++
		} else {
			missing++
		}
	}
	return there, missing
}
