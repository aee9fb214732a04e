package repair

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// judge compares the database with every level of the corridor.
func (e *examiner) judge(f *Finding, c *corridor) {
	f.How, f.Reasons = c.how, slices.Clone(c.notes)
	l := newLens(e.target, c)
	var like []*level
	for _, at := range c.levels() {
		if l.unlike(at.schema) == 0 {
			like = append(like, at)
		}
	}
	unexplained := e.unexplained(c)
	switch {
	case len(unexplained) > 0:
		e.partly(f, c, l)
		f.Stands = append(f.Stands, unexplained...)
	case len(l.keys) == 0 || len(like) > 1:
		e.undecided(f, c, l, like)
	case len(like) == 1 && (like[0] != c.at || len(c.broken()) == 0):
		e.settle(f, c, like[0])
	default:
		e.partly(f, c, l)
	}
	if f.Verdict == Nothing && c.foreign != "" {
		f.Verdict, f.Foreign, f.Version, f.Subject, f.Direction = CannotTell, c.foreign, 0, 0, ""
		f.Reasons = append([]string{c.foreign}, f.Reasons...)
	}
	if c.unseen != "" && f.Verdict != Nothing {
		f.Reasons = append(f.Reasons, fmt.Sprintf("version %d could not be compared with: %s", *e.after, c.unseen))
		if c.derived && f.Verdict == All {
			f.Verdict = CannotTell
		}
	}
	e.describe(f, c)
	e.elsewhere(f, c, l)
}

// undecided: several versions look alike, for a file that changes rows alone, or undoes
// what the one before it did.
func (e *examiner) undecided(f *Finding, c *corridor, l *lens, like []*level) {
	f.Verdict = CannotTell
	if len(l.keys) == 0 {
		if len(c.broken()) > 0 && len(e.drift(c.lower(), l)) == 0 {
			e.settle(f, c, c.lower()) // a file that cannot be run, and a database as it is without
			return
		}
		f.Reasons = append(f.Reasons, "the files change nothing that a schema shows")
		return
	}
	var names []string
	for _, at := range like {
		names = append(names, VersionName(at.version))
	}
	f.Reasons = append(f.Reasons, "the database is like "+strings.Join(names, " and like ")+": their schemas are the same")
}

// settle: the database is at that level, in all that the files change.
func (e *examiner) settle(f *Finding, c *corridor, at *level) {
	f.Version, f.Verdict = at.version, Nothing
	switch {
	case at == c.before:
		f.Subject, f.Direction = uint64(e.mark), migrate.Up
	case at == c.after:
		f.Subject, f.Direction = *e.after, migrate.Down
	case e.mark < 0:
		f.Verdict, f.Subject, f.Direction = All, *e.after, migrate.Down
	default:
		f.Verdict, f.Subject, f.Direction = All, uint64(e.mark), migrate.Up
	}
}

// span is the file that was under way, between two levels.
type span struct {
	lower, upper *level
	way          stretch
	direction    migrate.Direction
}

// underWay is the span that the database fits into better: the one up to the mark, or
// the one down to it.
func (e *examiner) underWay(c *corridor, l *lens) span {
	up := span{c.before, c.at, c.arrival, migrate.Up}
	down := span{c.at, c.after, c.departure, migrate.Down}
	switch {
	case c.before == nil:
		return down
	case c.after == nil:
		return up
	case l.strays(c.at.schema, c.after.schema) < l.strays(c.before.schema, c.at.schema):
		return down
	}
	return up
}

// partly lists what stands, what does not, and what would finish or undo it.
func (e *examiner) partly(f *Finding, c *corridor, l *lens) {
	s := e.underWay(c, l)
	f.Verdict, f.Subject, f.Direction = Partly, uint64(s.upper.version), s.direction
	e.sort(f, l, s, pg.Diff(s.lower.schema, s.upper.schema))
	e.halfWay(f, l, s)
	f.Upward = l.makeScript(s.way.up, s.upper.version, s.direction == migrate.Up)
	f.Downward = l.makeScript(s.way.down, s.lower.version, s.direction == migrate.Down)
}

// sort puts each change where it belongs: a table with all its parts is one change.
func (e *examiner) sort(f *Finding, l *lens, s span, changes []pg.Change) {
	for _, c := range changes {
		standings := map[standing]bool{}
		for _, part := range pg.Flatten([]pg.Change{c}) {
			if comparable(part) {
				standings[e.standing(l, s, part.Key)] = true
			}
		}
		if len(standings) > 1 && len(c.Parts) > 0 {
			parts := c.Parts
			c.Parts = nil
			e.sort(f, l, s, append([]pg.Change{c}, parts...))
			continue
		}
		switch {
		case standings[stands]:
			f.Stands = append(f.Stands, c)
		case standings[missing]:
			f.Missing = append(f.Missing, c)
		case standings[otherwise]:
			f.Differs = append(f.Differs, e.difference(l, s, c))
		}
	}
}

// halfWay adds what stands of that which the file makes and takes away again.
func (e *examiner) halfWay(f *Finding, l *lens, s span) {
	for _, k := range slices.SortedFunc(maps.Keys(l.keys), func(a, b pg.Key) int { return strings.Compare(a.String(), b.String()) }) {
		before := l.in(s.lower.schema, k)
		if before == l.in(s.upper.schema, k) && !l.has(k, before) {
			f.Differs = append(f.Differs, e.difference(l, s, pg.Change{Key: k}))
		}
	}
}

// standing is how far a change has come.
type standing int

const (
	missing standing = iota
	stands
	otherwise
)

func (e *examiner) standing(l *lens, s span, k pg.Key) standing {
	switch {
	case l.has(k, l.in(s.upper.schema, k)):
		return stands
	case l.has(k, l.in(s.lower.schema, k)):
		return missing
	}
	return otherwise
}

func (e *examiner) difference(l *lens, s span, c pg.Change) Difference {
	is := l.in(e.target, c.Key)
	d := Difference{Object: c.Key, Is: is.definition, Before: l.in(s.lower.schema, c.Key).definition, After: l.in(s.upper.schema, c.Key).definition}
	whole, ok := repaired(c.Key, is)
	d.Invalid = ok && (whole == d.After || whole == d.Before)
	return d
}

// unexplained are tables and indexes that stand in the database and that the file makes by
// a statement which cannot be run here: it was another one that ran there.
func (e *examiner) unexplained(c *corridor) []pg.Change {
	var found []pg.Change
	for _, s := range c.broken() {
		one := c.arrival.up.file
		one.Statements = []sqlscan.Statement{s.statement}
		t := one.Touches()
		for _, name := range append(t.Created, t.IndexesCreated...) {
			for _, o := range e.target.Objects {
				if relation(o.Kind) && named(o.Name, name, e.State.Schema) {
					if _, before := c.lower().schema.Find(o.Key); !before {
						found = append(found, pg.Change{Op: pg.Added, Key: o.Key, After: o.Definition})
					}
				}
			}
		}
	}
	return found
}

func relation(k pg.Kind) bool {
	switch k {
	case pg.KindTable, pg.KindForeignTable, pg.KindView, pg.KindMaterializedView, pg.KindSequence, pg.KindIndex:
		return true
	}
	return false
}
