package repair

import (
	"regexp"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// plainName is a name that the server writes without quotes.
var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_$]*$`)

// qualified is the name as a snapshot has it.
func qualified(schema, name string) string {
	parts := []string{schema, name}
	for i, part := range parts {
		if !plainName.MatchString(part) {
			parts[i] = pgx.Identifier{part}.Sanitize()
		}
	}
	return strings.Join(parts, ".")
}

// named reports whether a snapshot's name is that of the table, in schema where the SQL
// names none.
func named(name string, t migrate.Table, schema string) bool {
	if t.Schema != "" {
		schema = t.Schema
	}
	return name == qualified(schema, t.Name)
}

// describe tells of the statements behind the verdict.
func (e *examiner) describe(f *Finding, c *corridor) {
	for _, s := range c.broken() {
		f.Broken = append(f.Broken, e.line(c.arrival.up, s, s.failed.PgError.Message+" ("+s.failed.PgError.Code+")"))
	}
	subject := c.arrival.up
	if f.Direction == migrate.Down {
		subject = c.departure.down
	}
	if subject == nil {
		return
	}
	f.Certain = atomic(subject.file) && f.Settled()
	for _, s := range subject.steps {
		switch {
		case s.skipped != "":
			f.Skipped = append(f.Skipped, e.line(subject, s, s.skipped))
		case mayChangeRows(s.statement) && len(s.changes) == 0:
			f.Rows = append(f.Rows, e.line(subject, s, ""))
		}
	}
}

func (e *examiner) line(p *played, s step, why string) Line {
	return Line{File: p.file.FileName, Line: s.statement.Line, SQL: short(s.statement), Why: why}
}

// atomic reports whether a tool that sends the file as one query applies all of it or
// nothing.
func atomic(f migrate.File) bool {
	return f.Transactional && !slices.ContainsFunc(f.Statements, statementControls)
}

// elsewhere lists how the database differs where it does not matter, from the level it
// is nearest to.
func (e *examiner) elsewhere(f *Finding, c *corridor, l *lens) {
	nearest := c.lower()
	for _, at := range c.levels() {
		if l.unlike(at.schema) < l.unlike(nearest.schema) {
			nearest = at
		}
	}
	f.Elsewhere = e.drift(nearest, l)
}

// drift is how the database differs from a level in what the lens does not show. Owners
// are those who ran the files, and the version table is no file's.
func (e *examiner) drift(at *level, l *lens) []pg.Change {
	books := e.books()
	return slices.DeleteFunc(pg.Diff(at.schema, e.target), func(c pg.Change) bool {
		return l.keys[c.Key] || c.Key == books || c.Of == books || c.Kind == pg.KindOwner || c.Kind == pg.KindColumnOrder
	})
}

// books is the version table.
func (e *examiner) books() pg.Key {
	return pg.Key{Kind: pg.KindTable, Name: qualified(e.State.Schema, migrate.VersionTable)}
}
