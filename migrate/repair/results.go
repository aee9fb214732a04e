package repair

import (
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// shown is how many changes a result lists.
const shown = 20

// Results are the finding for a report. The first is the verdict, whose fix is for the
// caller to fill in: it knows the commands.
func (f *Finding) Results() []ops.Result {
	results := []ops.Result{f.verdict()}
	add := func(id string, r ops.Result) {
		r.ID = id
		results = append(results, r)
	}
	if f.Verdict == Partly {
		if n := len(f.Stands); n > 0 {
			add("repair.stands", ops.Pass(fmt.Sprintf("of %s, %s", id(f.Subject), count(n, "change stands", "changes stand")), facts(f.Stands)...))
		}
		if n := len(f.Missing); n > 0 {
			add("repair.missing", ops.Warn(fmt.Sprintf("of %s, %s", id(f.Subject), count(n, "change is missing", "changes are missing")), "", facts(f.Missing)...))
		}
		if n := len(f.Differs); n > 0 {
			add("repair.differs", ops.Warn(fmt.Sprintf("of %s, %s neither as before it nor as after it", id(f.Subject), count(n, "change is", "changes are")), "", differences(f.Differs)...))
		}
	}
	for _, l := range f.Broken {
		add("repair.broken", ops.Warn(l.String(), "mend the file"))
	}
	for _, l := range f.Skipped {
		add("repair.skipped", ops.Pass(l.String()))
	}
	if len(f.Rows) > 0 {
		add("repair.rows", f.rows())
	}
	for _, s := range []*Script{f.Upward, f.Downward} {
		if s != nil {
			add("repair.sql", s.result())
		}
	}
	for _, i := range f.Invalid {
		results = append(results, i.Result())
	}
	if n := len(f.Elsewhere); n > 0 {
		add("repair.elsewhere", ops.Pass(fmt.Sprintf("elsewhere the database differs from the files in %s, which does not matter here", count(n, "place", "places")), facts(f.Elsewhere)...))
	}
	if f.How != "" {
		add("repair.how", ops.Pass("the versions to compare with were "+f.How))
	}
	return results
}

func (f *Finding) verdict() ops.Result {
	r := ops.Warn(f.Summary(), "")
	r.ID = "repair.version"
	for _, why := range f.Reasons {
		r.Evidence = append(r.Evidence, ops.Fact{Value: why})
	}
	return r
}

// rows says what a schema does not show.
func (f *Finding) rows() ops.Result {
	var lines []ops.Fact
	for _, l := range f.Rows {
		lines = append(lines, ops.Fact{Value: l.String()})
	}
	what := fmt.Sprintf("rows that %s changes cannot be told from the schema", id(f.Subject))
	if f.Subject == 0 {
		what = "rows that the file changes cannot be told from the schema"
	}
	if f.Certain {
		return ops.Pass(what+"; golang-migrate sends this file as one query, so they stand or fall with its objects, unless x-multi-statement was on", lines...)
	}
	return ops.Warn(what, "look whether they are as these statements leave them", lines...)
}

func (s *Script) result() ops.Result {
	what := fmt.Sprintf("SQL that leads to %s, out of %s", VersionName(s.Version), s.File)
	switch {
	case s.Failed != "":
		what += "; tried on a clone it failed: " + s.Failed
	case s.Tried:
		what += "; tried on a clone without rows, where it led there"
	}
	if !s.Whole {
		what += "; read its comments, they ask for a decision"
	}
	fact := ops.Fact{Value: s.SQL, Literal: true}
	if s.Failed != "" {
		return ops.Warn(what, "", fact)
	}
	return ops.Pass(what, fact)
}

// Result is the index for a report, with the SQL that mends it.
func (i InvalidIndex) Result() ops.Result {
	r := i.said()
	r.ID = "repair.invalid." + strings.TrimPrefix(i.Name, "public.")
	return r
}

func (i InvalidIndex) said() ops.Result {
	what := fmt.Sprintf("index %s on %s is INVALID: no query uses it, every write keeps it up", i.Name, i.Table)
	switch {
	case i.Builder != 0:
		return ops.Warn(fmt.Sprintf("index %s on %s is being built now, by pid %d", i.Name, i.Table, i.Builder), "wait for it to end, then run this again")
	case i.Partitioned:
		return ops.Warn(fmt.Sprintf("index %s on %s is INVALID: a partition has no part of it", i.Name, i.Table),
			fmt.Sprintf("CREATE INDEX CONCURRENTLY on each partition without one, then: ALTER INDEX %s ATTACH PARTITION …;", i.Name))
	case i.Constraint != "":
		return ops.Warn(what, fmt.Sprintf("REINDEX INDEX CONCURRENTLY %s;", i.Name), ops.Fact{Name: "constraint", Value: i.Constraint})
	case i.Create == "":
		return ops.Warn(what+"; a REINDEX CONCURRENTLY left it beside the index it was to replace", i.Drop)
	}
	return ops.Warn(what, i.Drop+"   "+i.Create)
}

func facts(changes []pg.Change) []ops.Fact {
	var all []ops.Fact
	for i, c := range changes {
		if i == shown {
			return append(all, ops.Fact{Value: fmt.Sprintf("and %d more", len(changes)-shown)})
		}
		all = append(all, ops.Fact{Value: c.String()})
	}
	return all
}

func differences(list []Difference) []ops.Fact {
	var all []ops.Fact
	for i, d := range list {
		if i == shown {
			return append(all, ops.Fact{Value: fmt.Sprintf("and %d more", len(list)-shown)})
		}
		all = append(all, ops.Fact{Value: d.String()})
	}
	return all
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
