package release

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

var (
	quotedText = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"`)
	valueName  = regexp.MustCompile(`@([A-Za-z_][A-Za-z0-9_]*)`)
	failForm   = regexp.MustCompile(`^([0-9A-Z]{5}|[A-Za-z_][A-Za-z0-9_$]{0,62})$`)
)

// judgeWrites asks for one write test for every table and version, and that each
// value used was named before: an unknown @name would silently be NULL.
func (f *file) judgeWrites(r *Release, k known) {
	if len(r.Writes.Tests) > 0 {
		f.query("writes.person.find", r.Writes.Person.Find)
		f.query("writes.person.make", r.Writes.Person.Make)
	}
	values := map[string]map[string]bool{}
	for i, w := range r.Writes.Tests {
		path := fmt.Sprintf("writes.tests[%d]", i)
		f.identifier(path+".table", w.Table)
		since, named := k.tables[w.Table]
		switch {
		case !named:
			f.problem(path+".table", "%q is not among the tables of the release", w.Table)
			continue
		case w.Since < since:
			f.problem(path+".since", "%s comes with %d only", w.Table, since)
		case w.Before != 0 && w.Before <= w.Since:
			f.problem(path+".before", "%d must be above since, %d", w.Before, w.Since)
		}
		f.version(r, path+".since", w.Since)
		if w.Before != 0 {
			f.version(r, path+".before", w.Before)
		}
		have := map[string]bool{"person": true}
		if w.After != "" {
			if values[w.After] == nil {
				f.problem(path+".after", "no test of %q stands above this one", w.After)
			}
			maps.Copy(have, values[w.After])
		}
		f.judgeStatements(path, w.Statements, have)
		values[w.Table] = have
	}
	f.judgeCoverage(r, k)
}

func (f *file) judgeStatements(path string, statements []Statement, have map[string]bool) {
	if len(statements) == 0 {
		f.problem(path+".statements", "must hold at least one statement")
	}
	for i, s := range statements {
		at := fmt.Sprintf("%s.statements[%d]", path, i)
		f.query(at+".sql", s.SQL)
		for _, m := range valueName.FindAllStringSubmatch(quotedText.ReplaceAllString(s.SQL, "''"), -1) {
			if !have[m[1]] {
				f.problem(at+".sql", "no statement above returns @%s", m[1])
			}
		}
		if s.Fails != "" {
			f.matches(at+".fails", s.Fails, failForm, "an SQLSTATE or the name of a constraint")
			if s.Returns != "" || s.Expect != "" {
				f.problem(at+".fails", "a statement that fails returns nothing")
			}
		}
		if s.Returns != "" {
			f.matches(at+".returns", s.Returns, idForm, "lower-case letters, digits and _")
			have[s.Returns] = true
		}
	}
}

// judgeCoverage finds tables without a write test, and versions with two.
func (f *file) judgeCoverage(r *Release, k known) {
	for _, table := range slices.Sorted(maps.Keys(k.made)) {
		if !k.made[table] {
			continue
		}
		for _, version := range r.Versions() {
			if version < k.tables[table] {
				continue
			}
			tests := 0
			for _, w := range r.Writes.Tests {
				if w.Table == table && w.AppliesAt(int64(version)) {
					tests++
				}
			}
			switch {
			case tests == 0:
				f.problem("writes.tests", "no write test for table %s at version %d", table, version)
			case tests > 1:
				f.problem("writes.tests", "%d write tests for table %s at version %d", tests, table, version)
			default:
				continue
			}
			break
		}
	}
}
