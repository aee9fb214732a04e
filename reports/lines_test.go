package reports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/go-cmp/cmp"
)

// TestNoLineIsWiderThanAsked guards against layouts that break on a phone: only
// what must stay in one piece may be wider than the terminal.
func TestNoLineIsWiderThanAsked(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		for width := 40; width <= 80; width++ {
			for _, ascii := range []bool{false, true} {
				var b bytes.Buffer
				if err := Text(&b, run, Layout{Width: width, ASCII: ascii, Verbose: width%2 == 0}); err != nil {
					t.Fatal(err)
				}
				for _, line := range strings.Split(b.String(), "\n") {
					if columns(line) > width && !unbreakable(line) {
						t.Errorf("%s at %d columns: %q has %d", name, width, line, columns(line))
					}
					if line != strings.TrimRight(line, " ") {
						t.Errorf("%s: %q ends in spaces", name, line)
					}
				}
			}
		}
	}
}

// unbreakable tells a line that holds a command or one long word behind its mark or label.
func unbreakable(line string) bool {
	rest := strings.TrimSpace(line)
	for _, label := range []string{"next: ", "fix: ", "backup: ", "report: ", "FAIL ", "✗ "} {
		rest = strings.TrimPrefix(rest, label)
	}
	first, _, several := strings.Cut(rest, " ")
	return !several || startsCommand(first)
}

// TestCommandsStayInOnePiece guards against a command that, copied from two
// lines, runs its first half alone: on staging instead of production.
func TestCommandsStayInOnePiece(t *testing.T) {
	t.Parallel()
	command := "clipperops rollback --target 10 --env production --report /var/tmp/a-rather-long-name.html"
	f := &ops.Failure{What: "it broke", Next: []string{"mend it, or: " + command, "run `psql -c 'select 1' --no-psqlrc --single-transaction -d x`, then go on"}}
	lines := strings.Join(Layout{Width: 40}.Failure(f), "\n")
	for _, want := range []string{command, "`psql -c 'select 1' --no-psqlrc --single-transaction -d x`,"} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is broken in\n%s", want, lines)
		}
	}
}

func TestPaintChangesNoColumn(t *testing.T) {
	t.Parallel()
	seen := map[Role]bool{}
	paint := func(role Role, text string) string {
		seen[role] = true
		return "<" + text + ">"
	}
	for name, run := range runs(t) {
		var plain, painted bytes.Buffer
		if err := Text(&plain, run, Layout{Width: 60}); err != nil {
			t.Fatal(err)
		}
		if err := Text(&painted, run, Layout{Width: 60, Paint: paint}); err != nil {
			t.Fatal(err)
		}
		stripped := strings.NewReplacer("<", "", ">", "").Replace(painted.String())
		if diff := cmp.Diff(plain.String(), stripped); diff != "" {
			t.Errorf("%s (-plain +painted):\n%s", name, diff)
		}
	}
	for _, role := range []Role{RoleHeading, RolePass, RoleWarn, RoleFail, RoleSkip, RoleFaint, RoleCommand} {
		if !seen[role] {
			t.Errorf("role %d is never painted", role)
		}
	}
}

func TestManyChecksOfAFlowBecomeACount(t *testing.T) {
	t.Parallel()
	var results []ops.Result
	for i := range 47 {
		results = append(results, check(fmt.Sprintf("group.check%d", i), "title", ops.Pass("fine")))
	}
	results = append(results, check("db.connections", "title", ops.Warn("91 of 100 in use", "raise max_connections", ops.Fact{Name: "limit", Value: "100"})))
	run := newStage(t, "migrate").step("preflight", 400*time.Millisecond, nil, results...).finish(nil)

	step := func(l Layout) []string {
		s := l.Step(ShapeFlow, "preflight")
		var lines []string
		for _, r := range run.Results() {
			lines = append(lines, s.Result(r)...)
		}
		return append(lines, s.End(run.Steps[0].Took, nil)...)
	}
	want := []string{
		"preflight ⚠ 47 passed, 1 warning                                           0.4 s",
		"            ⚠ 91 of 100 in use                                    db.connections",
		"                limit  100",
		"                fix: raise max_connections",
	}
	if diff := cmp.Diff(want, step(Layout{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(step(Layout{Verbose: true})); got != 50 {
		t.Errorf("verbose shows %d lines, want every check", got)
	}
	quiet := step(Layout{Quiet: true})
	if len(quiet) != 3 || !strings.HasPrefix(quiet[0], "preflight ⚠ 91 of 100 in use") {
		t.Errorf("quiet shows %q", quiet)
	}
}

// TestFindingsAreShownWhenTheyAreKnown guards against a log that, after a kill,
// does not say which files had been applied.
func TestFindingsAreShownWhenTheyAreKnown(t *testing.T) {
	t.Parallel()
	s := Layout{}.Step(ShapeFlow, "apply")
	if got := s.Result(timed(ops.Pass("000011"), 210*time.Millisecond)); len(got) != 1 || !strings.HasPrefix(got[0], "apply     ✓ 000011") {
		t.Errorf("a finding with its own duration gave %q", got)
	}
	if got := s.Result(ops.Pass("000049")); got != nil {
		t.Errorf("a finding without duration gave %q at once", got)
	}
	if got := s.Flush(); len(got) != 1 || got[0] != "          ✓ 000049" {
		t.Errorf("flushed %q", got)
	}
	if got := s.Note(Layout{}, "000050 waits for a lock"); len(got) != 1 || got[0] != "          … 000050 waits for a lock" {
		t.Errorf("noted %q", got)
	}
	if got := s.End(time.Second, nil); got != nil {
		t.Errorf("the end gave %q", got)
	}
}

func TestStepsThatEndInAnErrorSayHow(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"✗ failed": errors.New("x"), "✗ interrupted": context.Canceled,
		"✗ refused": &ops.Failure{Code: ops.ExitRefused}, "✗ busy": &ops.Failure{Code: ops.ExitBusy},
		"✗ cannot tell yet": &ops.Failure{Code: ops.ExitInconclusive},
	} {
		for _, l := range []Layout{{}, {Quiet: true}} {
			s := l.Step(ShapeFlow, "apply")
			if got := strings.Join(s.End(time.Second, err), "\n"); !strings.Contains(got, want) {
				t.Errorf("%v gave %q, want %q", err, got, want)
			}
		}
	}
}

// TestACountDoesNotHideTheStepThatFailed guards against "29 passed" as the sum of a run
// that did not pass.
func TestACountDoesNotHideTheStepThatFailed(t *testing.T) {
	t.Parallel()
	failed := errors.New("duplicate key")
	run := newStage(t, "migrate").step("plan", 0, nil, ops.Pass("10 → 11")).step("apply", 0, failed).finish(failed)
	if got := strings.Join((Layout{}).Counts(run), " "); !strings.HasSuffix(got, ": 1 passed; apply failed") {
		t.Errorf("counts %q", got)
	}
}

// TestNoFailureIsLost guards against a report that hides an error of a step the
// run survived, and against one that says the same thing twice.
func TestNoFailureIsLost(t *testing.T) {
	t.Parallel()
	survived := errors.New("the ledger cannot be written")
	ended := &ops.Failure{What: "apply failed", Next: []string{"clipperops history"}, Err: errors.New("connection reset")}
	s := newStage(t, "migrate").step("ledger", 0, survived).step("apply", 0, ended)
	s.run.Conclusion, s.run.Next = []string{"✗ apply failed", "The schema is as before."}, []string{"clipperops history", "clipperops validate"}
	var b bytes.Buffer
	if err := Text(&b, s.finish(ended), Layout{}); err != nil {
		t.Fatal(err)
	}
	for want, times := range map[string]int{
		"✗ the ledger cannot be written": 1, "✗ apply failed": 1, "connection reset": 1,
		"✗ The schema is as before.": 1, "clipperops history": 1, "clipperops validate": 1,
	} {
		if got := strings.Count(b.String(), want); got != times {
			t.Errorf("%q stands %d times in\n%s", want, got, b.String())
		}
	}
}

func TestABareCancellationIsCalledInterrupted(t *testing.T) {
	t.Parallel()
	run := newStage(t, "migrate").step("plan", 0, context.Canceled).finish(context.Canceled)
	if got := (Layout{}).Failures(run); len(got) != 1 || got[0] != "✗ interrupted" {
		t.Errorf("got %q", got)
	}
}

func TestDatabaseIsShortAndHasNoPassword(t *testing.T) {
	t.Parallel()
	for redacted, want := range map[string]string{
		"postgres://clipper@db:5432/clipper_db?sslmode=require":         "clipper@db:5432/clipper_db (sslmode require)",
		"postgres://clipper:secret@db/clipper_db":                       "clipper@db/clipper_db",
		"postgres://clipper@/clipper_db?host=%2Fvar%2Frun%2Fpostgresql": "clipper@/var/run/postgresql/clipper_db",
		"clipper@db:5432/clipper_db":                                    "clipper@db:5432/clipper_db",
		"":                                                              "",
	} {
		if got := Database(redacted); got != want {
			t.Errorf("Database(%q) = %q, want %q", redacted, got, want)
		}
	}
}

func TestACaretStaysUnderItsColumn(t *testing.T) {
	t.Parallel()
	code := strings.Repeat("a, ", 60) + "userz" + strings.Repeat(", b", 60)
	caret := strings.Repeat(" ", strings.Index(code, "userz")) + "^"
	for _, width := range []int{40, 60, 80, 100} {
		lines := Layout{Width: width}.detail(4, []string{code, caret})
		at := strings.Index(lines[1], "^")
		if len(lines) != 2 || columns(lines[0]) > width || at >= width || !strings.HasPrefix(lines[0][at:], "userz") {
			t.Errorf("at %d columns:\n%s", width, strings.Join(lines, "\n"))
		}
	}
}

func TestTheConclusionHasOneMark(t *testing.T) {
	t.Parallel()
	warning := check("db.connections", "headroom", ops.Warn("91 of 100 in use", "raise max_connections"))
	for _, c := range []struct {
		command, text string
		results       []ops.Result
		want          string
	}{
		{"preflight", "All pre-flight checks passed!", nil, "✓ All pre-flight checks passed!"},
		{"preflight", "✓ All pre-flight checks passed!", nil, "✓ All pre-flight checks passed!"},
		{"preflight", "Pre-flight checks passed with warnings.", []ops.Result{warning}, "⚠ Pre-flight checks passed with warnings."},
		{"migrate", "All validation checks passed!", []ops.Result{warning}, "✓ All validation checks passed!"},
		{"migrate", "⚠ Half of it is done.", nil, "⚠ Half of it is done."},
	} {
		s := newStage(t, c.command).step("database", 0, nil, c.results...)
		s.run.Conclusion = []string{c.text, "Moderation system is ready for use."}
		want := []string{c.want, "Moderation system is ready for use."}
		if diff := cmp.Diff(want, (Layout{}).Conclusion(s.finish(nil))); diff != "" {
			t.Errorf("%s, %q (-want +got):\n%s", c.command, c.text, diff)
		}
	}
}

// TestSQLIsNeverBroken guards against a safe form that cannot be copied: in a fix, in
// evidence and in a fact each statement stands on a line, by itself where it does not fit.
func TestSQLIsNeverBroken(t *testing.T) {
	t.Parallel()
	add := "ALTER TABLE clip_submissions ADD CONSTRAINT submissions_state CHECK (state IN ('new; or old', 'done')) NOT VALID;"
	index := "CREATE INDEX CONCURRENTLY idx_submissions_creator ON clip_submissions USING btree (creator_id, created_at) INCLUDE (state);"
	text := "safe form: " + add + " then " + index + " in a file of its own, which has no other statement"
	r := ops.Warn("it blocks writes", text, ops.Fact{Value: text}, ops.Fact{Name: text}, ops.Fact{Name: "instead", Value: text})
	for _, width := range []int{40, 80} {
		lines := Layout{Width: width}.result(nil, 0, r, "", belowInset)
		for _, want := range []string{add, index} {
			found := 0
			for _, line := range lines {
				if strings.TrimSpace(line) == want {
					found++
				}
			}
			if found != 4 {
				t.Errorf("at %d columns %q stands by itself %d times instead of 4:\n%s", width, want, found, strings.Join(lines, "\n"))
			}
		}
	}
}

// TestShortSQLStaysInItsLine guards against lines broken for nothing.
func TestShortSQLStaysInItsLine(t *testing.T) {
	t.Parallel()
	fix := "SELECT pg_terminate_backend(8123);   then run preflight again"
	lines := Layout{Width: 80}.result(nil, 0, ops.Warn("open for 47 min", fix), "", belowInset)
	if len(lines) != 2 || strings.TrimSpace(lines[1]) != "fix: "+fix {
		t.Errorf("%q", lines)
	}
}
