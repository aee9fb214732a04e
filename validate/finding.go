package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
)

// finding is one promise that the database does not keep.
type finding struct {
	// name says of what, e.g. "index idx_appeals_user_id".
	name string
	// says is what is wrong with it.
	says string
	fix  string
}

// things is what a check counts, in the singular and the plural.
type things struct{ one, many string }

func (t things) counted(n int) string {
	if n == 1 {
		return "1 " + t.one
	}
	return fmt.Sprintf("%d %s", n, t.many)
}

// judged makes a result of the findings about the things of a table.
func judged(findings []finding, count int, t things, table string) ops.Result {
	if len(findings) == 0 {
		return ops.Pass(t.counted(count) + " of " + table)
	}
	return failed(fmt.Sprintf("of %s of %s, %d not as promised", t.counted(count), table, len(findings)), findings)
}

// failed is a failure with one fact for each finding, and each fix once.
func failed(summary string, findings []finding) ops.Result {
	facts := make([]ops.Fact, len(findings))
	var fixes []string
	for i, f := range findings {
		facts[i] = ops.Fact{Name: f.name, Value: f.says}
		if !slices.Contains(fixes, f.fix) {
			fixes = append(fixes, f.fix)
		}
	}
	return ops.Fail(summary, strings.Join(fixes, " "), facts...)
}

// asStated is the fix for what only its file can state in full.
func (v *validation) asStated(kind, table, name string) string {
	for _, o := range v.Release.Made() {
		if o.Kind == kind && o.Table == table && o.Name == name {
			if m, ok := v.Release.Migration(o.Version); ok {
				return fmt.Sprintf("make %s %s as %s states it;", kind, name, m.FileName("up"))
			}
		}
	}
	return fmt.Sprintf("make %s %s as the migrations state it;", kind, name)
}

// qualified is the quoted name of something in the schema of the release.
func (v *validation) qualified(name string) string {
	return pgx.Identifier{v.Release.Schema, name}.Sanitize()
}

// quoted is a list of names, each quoted.
func quoted(names ...string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = pgx.Identifier{n}.Sanitize()
	}
	return strings.Join(out, ", ")
}
