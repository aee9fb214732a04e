package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// stepColumn is the width of the left column of a flow, where the step's name stands.
const stepColumn = 10

// collapseAbove is how many checks a step of a flow shows one by one; more
// become a count.
const collapseAbove = 4

// StepLines composes the lines of one step as its results come in. In a
// checklist every result is shown at once. In a flow
//
//   - a finding (a Result without Title) is shown with its evidence: at once when
//     it carries its own duration, else with the step's duration when the step ends;
//   - checks (Results with a Title) are held until the step ends and, when there
//     are many, become a count followed by the warnings and failures in full.
type StepLines struct {
	layout Layout
	shape  Shape
	name   string

	named   bool         // the step's name has been shown
	blocks  int          // how many blocks have been shown
	finding *ops.Result  // a finding that waits for its duration
	checks  []ops.Result // checks that wait for the step's end
	seen    int
}

// Step begins the lines of a step.
func (l Layout) Step(shape Shape, name string) *StepLines {
	return &StepLines{layout: l, shape: shape, name: l.Spell(name)}
}

// Result takes a result in and returns the lines that can be shown now.
func (s *StepLines) Result(r ops.Result) []string {
	s.seen++
	l := s.layout
	switch {
	case l.Quiet && !bad(r.Status) && !toCopy(r):
		return nil
	case s.shape == ShapeChecklist:
		return s.show(r, s.tag(r), bad(r.Status) || l.Verbose)
	case r.Title != "" && (l.Verbose || l.Quiet):
		return append(s.Flush(), s.show(r, s.tag(r), true)...)
	case r.Title != "":
		lines := s.flushFinding("")
		s.checks = append(s.checks, r)
		return lines
	case r.Took > 0:
		return append(s.Flush(), s.show(r, Duration(r.Took), true)...)
	default:
		lines := s.Flush()
		s.finding = &r
		return lines
	}
}

// tag is what stands at the right edge of a check: its id, and with Verbose how
// long it took.
func (s *StepLines) tag(r ops.Result) string {
	id := s.layout.Spell(r.ID)
	if s.layout.Verbose && r.Took > 0 {
		return strings.TrimSpace(id + "  " + pad(Duration(r.Took), 6))
	}
	return id
}

// Flush returns the lines that are still held, so that something else can be said.
func (s *StepLines) Flush() []string {
	return append(s.flushFinding(""), s.flushChecks("")...)
}

// End closes the step and returns its last lines.
func (s *StepLines) End(took time.Duration, err error) []string {
	tail := ""
	if s.blocks == 0 && err == nil && s.shape == ShapeFlow {
		tail = Duration(took)
	}
	var lines []string
	if s.finding != nil {
		lines = s.flushFinding(tail)
	}
	lines = append(lines, s.flushChecks(tail)...)
	switch {
	case err != nil:
		lines = append(lines, s.show(ops.Result{Status: ops.StatusFail, Summary: ending(err)}, Duration(took), false)...)
	case s.seen == 0 && s.shape == ShapeFlow && !s.layout.Quiet:
		lines = append(lines, s.show(ops.Pass("done"), tail, false)...)
	}
	return lines
}

// ending says in a word how a step ended that returned an error; the failure
// itself is told at the end of the run.
func ending(err error) string {
	switch ops.CodeOf(err) {
	case ops.ExitInterrupted:
		return "interrupted"
	case ops.ExitRefused:
		return "refused"
	case ops.ExitBusy:
		return "busy"
	case ops.ExitInconclusive:
		return "cannot tell yet"
	default:
		return "failed"
	}
}

func (s *StepLines) flushFinding(tail string) []string {
	if s.finding == nil {
		return nil
	}
	r := *s.finding
	s.finding = nil
	return s.show(r, tail, true)
}

func (s *StepLines) flushChecks(tail string) []string {
	checks := s.checks
	s.checks = nil
	if len(checks) == 0 {
		return nil
	}
	if len(checks) <= collapseAbove {
		var lines []string
		for _, r := range checks {
			lines = append(lines, s.show(r, s.layout.Spell(r.ID), r.Status != ops.StatusPass)...)
		}
		return lines
	}
	counted := ops.Result{Status: worst(checks), Summary: tally(ops.Count(checks))}
	lines := s.show(counted, tail, false)
	for _, r := range checks {
		if bad(r.Status) {
			lines = append(lines, s.nested(r)...)
		}
	}
	return lines
}

// show returns the lines of a result under the step's name or heading.
func (s *StepLines) show(r ops.Result, tail string, evidence bool) []string {
	l := s.layout
	s.blocks++
	if s.shape == ShapeChecklist || l.Columns() < narrow {
		place := belowNothing
		if evidence {
			place = belowInset
		}
		lines := l.result([]span{{RolePlain, "  "}}, 2, r, tail, place)
		if !s.named {
			s.named = true
			lines = append([]string{l.paint(RoleHeading, s.name)}, lines...)
		}
		return lines
	}
	place := belowNothing
	if evidence {
		place = belowText
	}
	return l.result([]span{s.left()}, stepColumn, r, tail, place)
}

// nested returns the lines of a check below the count it is part of.
func (s *StepLines) nested(r ops.Result) []string {
	indent := stepColumn + 2
	if s.shape == ShapeChecklist || s.layout.Columns() < narrow {
		indent = 4
	}
	return s.layout.result([]span{{RolePlain, strings.Repeat(" ", indent)}}, indent, r, s.layout.Spell(r.ID), belowInset)
}

// left is the left column of a flow: the step's name the first time.
func (s *StepLines) left() span {
	if s.named {
		return span{RolePlain, strings.Repeat(" ", stepColumn)}
	}
	s.named = true
	return span{RoleHeading, pad(s.name, stepColumn-1) + " "}
}

// Note returns the lines of something said while the step goes on. It is set
// in a layout of its own, because it may go to another place than the results.
func (s *StepLines) Note(l Layout, text string) []string {
	head := []span{{RolePlain, strings.Repeat(" ", stepColumn)}}
	switch {
	case s.shape == ShapeChecklist || l.Columns() < narrow:
		head = []span{{RolePlain, "  "}}
	case !s.named:
		head = []span{{RoleHeading, pad(s.name, stepColumn-1) + " "}}
	}
	head = append(head, span{RoleFaint, l.Ellipsis()}, span{RolePlain, " "})
	hang := 0
	for _, h := range head {
		hang += columns(h.text)
	}
	return l.block(head, hang, RolePlain, words(l.Spell(text)), span{})
}

// tally renders counts: "45 passed, 1 warning, 1 failed, 1 skipped".
func tally(c ops.Counts) string {
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{{c.Pass, "passed", "passed"}, {c.Warn, "warning", "warnings"}, {c.Fail, "failed", "failed"}, {c.Skip, "skipped", "skipped"}} {
		if p.n > 0 {
			parts = append(parts, plural(int64(p.n), p.one, p.many))
		}
	}
	if len(parts) == 0 {
		return "nothing checked"
	}
	return strings.Join(parts, ", ")
}

func worst(results []ops.Result) ops.Status {
	statuses := make([]ops.Status, len(results))
	for i, r := range results {
		statuses[i] = r.Status
	}
	return ops.Worst(statuses...)
}

// Counts composes the line that sums a run up: "48 checks in 0.4 s: 45 passed, …".
func (l Layout) Counts(run *ops.Run) []string {
	if len(run.Steps) == 0 {
		return nil // it ended before it began
	}
	results := run.Results()
	subject := plural(int64(len(results)), "check", "checks")
	if ShapeOf(run.Command) == ShapeFlow {
		subject = plural(int64(len(run.Steps)), "step", "steps")
	}
	text := fmt.Sprintf("%s in %s", subject, Duration(run.Took))
	if len(results) > 0 {
		text += ": " + tally(ops.Count(results))
	}
	for _, s := range run.Steps {
		if s.Err != nil {
			text += "; " + l.Spell(s.Name) + " " + ending(s.Err)
		}
	}
	return l.block(nil, 2, RolePlain, words(text), span{})
}
