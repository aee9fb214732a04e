package release

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	nameForm       = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	idForm         = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	fileNameForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9_]*$`)
	identifierForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]{0,62}$`)
)

// judge says everything that is wrong in a file whose keys are right.
func (f *file) judge(r *Release) {
	f.matches("name", r.Name, nameForm, "lower-case letters, digits, - and _")
	f.filled("title", r.Title)
	f.filled("messages.proceed", r.Messages.Proceed)
	f.filled("messages.ready", r.Messages.Ready)
	f.identifier("schema", r.Schema)
	if r.Thresholds.LongTransaction < 0 {
		f.problem("thresholds.long_transaction", "must not be negative")
	}
	if !f.judgeMigrations(r) {
		return // everything below is judged against the versions
	}
	f.judgePrerequisites(r)
	o := f.judgeObjects(r)
	f.judgeRollout(&r.Rollout)
	f.judgeProbes(r, "probes", r.Probes)
	f.judgePlans(r, o)
	f.judgeWrites(r, o)
}

func (f *file) judgeMigrations(r *Release) bool {
	before := len(f.problems)
	if len(r.Migrations) == 0 {
		f.problem("migrations", "must name at least one migration")
		return false
	}
	var last uint64
	for i, m := range r.Migrations {
		path := fmt.Sprintf("migrations[%d]", i)
		f.matches(path+".name", m.Name, fileNameForm, "what stands between version and direction in the file name")
		switch {
		case m.Version == 0:
			f.problem(path+".version", "must be above 0")
		case m.Version > 1<<63-1:
			f.problem(path+".version", "is larger than schema_migrations can hold")
		case m.Version <= last:
			f.problem(path+".version", "%d does not come after %d: versions ascend", m.Version, last)
		}
		last = m.Version
	}
	if r.Floor >= r.First() {
		f.problem("floor", "%d must be below the first migration, %d", r.Floor, r.First())
	}
	if !r.Owns(r.Target) {
		f.problem("target", "%d is not a version of the release%s", r.Target, oneOf(r))
	} else if r.Target != last {
		f.problem("target", "%d leaves migrations of the release out: the last is %d", r.Target, last)
	}
	return len(f.problems) == before
}

func (f *file) judgePrerequisites(r *Release) {
	p := r.Prerequisites
	if p.Postgres < 0 {
		f.problem("prerequisites.postgres", "must be a major version")
	}
	tables := map[string]bool{}
	for i, t := range p.Tables {
		path := fmt.Sprintf("prerequisites.tables[%d]", i)
		f.identifier(path+".name", t.Name)
		f.once(tables, path+".name", "table", t.Name)
		columns := map[string]bool{}
		for j, c := range t.Columns {
			f.identifier(fmt.Sprintf("%s.columns[%d]", path, j), c)
			f.once(columns, fmt.Sprintf("%s.columns[%d]", path, j), "column", c)
		}
	}
	for i, role := range p.Roles {
		f.filled(fmt.Sprintf("prerequisites.roles[%d]", i), role)
	}
	for i, extension := range p.Extensions {
		f.filled(fmt.Sprintf("prerequisites.extensions[%d]", i), extension)
	}
	f.judgeProbes(r, "prerequisites.probes", p.Probes)
	ids := map[string]bool{}
	for i, l := range p.Legacy {
		path := fmt.Sprintf("prerequisites.legacy[%d]", i)
		f.id(ids, path, l.ID)
		f.filled(path+".title", l.Title)
		f.identifier(path+".table", l.Table)
		f.filled(path+".fix", l.Fix)
	}
}

func (f *file) filled(path, value string) bool {
	if strings.TrimSpace(value) == "" {
		f.problem(path, "must not be empty")
		return false
	}
	return true
}

func (f *file) matches(path, value string, form *regexp.Regexp, means string) {
	if f.filled(path, value) && !form.MatchString(value) {
		f.problem(path, "%q must be %s", value, means)
	}
}

func (f *file) identifier(path, value string) {
	f.matches(path, value, identifierForm, "a name of at most 63 letters, digits and _")
}

// id judges an id that becomes part of a check's id.
func (f *file) id(seen map[string]bool, path, value string) {
	f.matches(path+".id", value, idForm, "lower-case letters, digits and _")
	f.once(seen, path+".id", "id", value)
}

func (f *file) once(seen map[string]bool, path, kind, value string) {
	if seen[value] {
		f.problem(path, "the %s %q stands twice", kind, value)
	}
	seen[value] = true
}

// among judges a word of a closed set.
func (f *file) among(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		f.problem(path, "%q must be one of %s", value, strings.Join(allowed, ", "))
	}
}

// version judges a version that must be one of the release.
func (f *file) version(r *Release, path string, version uint64) bool {
	if !r.Owns(version) {
		f.problem(path, "%d is not a version of the release%s", version, oneOf(r))
		return false
	}
	return true
}

func oneOf(r *Release) string {
	return fmt.Sprintf(" %v", r.Versions())
}
