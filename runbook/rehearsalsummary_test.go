package runbook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// TestTheSummarySaysWhatWasNotTried guards against a rehearsal that looks complete while
// what only rows can make fail, or a backup's proof, stands among checks nobody sees.
func TestTheSummarySaysWhatWasNotTried(t *testing.T) {
	t.Parallel()
	plan := &migrate.Plan{Direction: migrate.Up, From: 10, To: 11}
	o := &rehearsal.Outcome{Plan: plan, Place: "here", Passes: []rehearsal.Pass{{Name: rehearsal.There, Plan: plan}, {Name: rehearsal.Back, Plan: plan}}}
	found := []ops.Result{
		finding("rehearse.backup", ops.Pass("the backup is restorable")),
		finding("rehearse.applies", ops.Pass("1 file ran", ops.Fact{Value: "not tried on rows: one"}, ops.Fact{Value: "not tried on rows: two"},
			ops.Fact{Value: "not tried on rows: three"}, ops.Fact{Value: "not tried on rows: four"})),
	}
	r := rehearsalSummary(o, found, time.Second)
	var got []string
	for _, f := range r.Evidence {
		got = append(got, f.Value)
	}
	want := []string{"the backup is restorable", "not tried on rows: one", "not tried on rows: two", "not tried on rows: three", "and 1 more statement"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(r.Summary, "here: the schema is reversible, rows were not tried") {
		t.Errorf("summary %q", r.Summary)
	}
	o.Mode = rehearsal.WithData
	if r := rehearsalSummary(o, found, 0); !strings.HasSuffix(r.Summary, "here: reversible") {
		t.Errorf("with the backup's rows: summary %q", r.Summary)
	}
	lossy := append(found, finding("rehearse.lost", ops.Warn("lost for good: table one", "x")))
	if r := rehearsalSummary(o, lossy, 0); !strings.Contains(r.Summary, "schema is reversible, what it loses is not") {
		t.Errorf("of a plan that loses rows it says %q", r.Summary)
	}
}

// TestWhatIsWrongIsSaidOnce guards against a refusal whose text stands twice on the screen,
// and against a finding that is its own evidence.
func TestWhatIsWrongIsSaidOnce(t *testing.T) {
	t.Parallel()
	refusal := &ops.Failure{Detail: []string{"line 3: no such table", "11 cannot be reached"}}
	fact := func(value string) ops.Fact { return ops.Fact{Value: value} }
	for _, tt := range []struct {
		name    string
		r       ops.Result
		refusal *ops.Failure
		want    []ops.Fact
	}{
		{"refused", ops.Fail("it fails", "mend it", fact("line 3: no such table"), fact("11 cannot be reached")), refusal, nil},
		{"refused, with more", ops.Fail("it fails", "mend it", fact("line 3: no such table"), fact("more")), refusal, []ops.Fact{fact("more")}},
		{"another finding", ops.Warn("a lock", "wait", fact("line 3: no such table")), refusal, []ops.Fact{fact("line 3: no such table")}},
		{"not refused", ops.Fail("it fails", "mend it", fact("line 3: no such table")), nil, []ops.Fact{fact("line 3: no such table")}},
		{"its own evidence", ops.Warn("lost for good: table one and table two", "x", fact("table one"), fact("table two")), nil, nil},
		{"more than the summary", ops.Warn("lost for good: table one and 1 more", "x", fact("table one"), fact("table two")), nil, []ops.Fact{fact("table one"), fact("table two")}},
		{"a measure", ops.Warn("5 rows of one", "x", ops.Fact{Name: "rows", Value: "5"}), nil, []ops.Fact{{Name: "rows", Value: "5"}}},
	} {
		got := saidOnce(tt.r, tt.refusal)
		if len(got.Evidence)+len(tt.want) > 0 {
			if diff := cmp.Diff(tt.want, got.Evidence); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
		if got.Fix == "" {
			t.Errorf("%s: no fix", tt.name)
		}
	}
}
