package reports

import (
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// below says where the evidence of a result stands.
type below int

const (
	belowNothing below = iota // it is not shown
	belowText                 // under the first letter of the summary
	belowInset                // two columns further in
)

// result composes the lines of one result: mark and summary behind head, which
// is indent columns wide, tail at the right edge, evidence and fix below.
func (l Layout) result(head []span, indent int, r ops.Result, tail string, evidence below) []string {
	mark := pad(l.Mark(r.Status), l.markWidth())
	hang := indent + l.markWidth() + 1
	summary := r.Summary
	if summary == "" {
		summary = r.Title
	}
	head = append(head, span{roleOf(r.Status), mark}, span{RolePlain, " "})
	lines := l.block(head, hang, RolePlain, glueSQL(words(l.Spell(summary))), span{RoleFaint, tail})
	inset := hang + 2
	if evidence == belowText {
		inset = hang
	}
	if evidence != belowNothing {
		lines = append(lines, l.evidence(inset, r.Evidence)...)
	}
	if r.Fix != "" && bad(r.Status) {
		lines = append(lines, l.labelled(inset, "fix:", l.many(r.Fix))...)
	}
	return lines
}

// evidence sets facts below a result, their values in one column where there is room.
func (l Layout) evidence(indent int, facts []ops.Fact) []string {
	room := l.Columns() - indent
	column := 0
	for _, f := range facts {
		if n := columns(l.Spell(f.Name)); f.Value != "" && n <= room*3/5 {
			column = max(column, n)
		}
	}
	var lines []string
	for _, f := range facts {
		lines = append(lines, l.fact(indent, column, f)...)
	}
	return lines
}

func (l Layout) fact(indent, column int, f ops.Fact) []string {
	margin := []span{{RolePlain, strings.Repeat(" ", indent)}}
	name := l.Spell(f.Name)
	switch {
	case f.Literal: // from the first column: an indentation would be copied into its strings
		return literalLines(f.Value)
	case f.Value == "":
		return l.block(margin, indent+2, RolePlain, glueSQL(words(name)), span{})
	case name == "":
		return l.hanging(margin, indent, indent, l.many(f.Value))
	}
	if l.Columns() < narrow {
		column = columns(name)
	}
	name = pad(name, column) + "  "
	hang := indent + columns(name)
	if l.Columns() < narrow || l.Columns()-hang < 24 {
		hang = indent + 2
	}
	if indent+columns(name) > l.Columns() {
		below := []span{{RolePlain, strings.Repeat(" ", hang)}}
		return append(l.block(margin, hang, RolePlain, words(name), span{}), l.hanging(below, hang, hang, l.many(f.Value))...)
	}
	return l.hanging(append(margin, span{RolePlain, name}), hang, hang, l.many(f.Value))
}

// hanging sets the first line behind head and the others behind an indentation.
func (l Layout) hanging(head []span, hang, rest int, text []string) []string {
	lines := l.block(head, hang, RolePlain, glueSQL(words(text[0])), span{})
	for _, line := range text[1:] {
		lines = append(lines, l.block([]span{{RolePlain, strings.Repeat(" ", rest)}}, rest, RolePlain, glueSQL(words(line)), span{})...)
	}
	return lines
}

// labelled sets what can be typed behind a label: "fix: …", "next: …".
func (l Layout) labelled(indent int, label string, text []string) []string {
	margin := strings.Repeat(" ", indent)
	hang := indent + columns(label) + 1
	var lines []string
	for i, line := range text {
		head := []span{{RolePlain, margin}, {RoleFaint, label}, {RolePlain, " "}}
		if i > 0 {
			head = []span{{RolePlain, strings.Repeat(" ", hang)}}
		}
		lines = append(lines, l.block(head, hang, RoleCommand, glue(words(line)), span{})...)
	}
	return lines
}

// toCopy reports whether a result holds text that is to be copied: it is then what the
// command was called for.
func toCopy(r ops.Result) bool {
	return slices.ContainsFunc(r.Evidence, func(f ops.Fact) bool { return f.Literal })
}

// bad tells the statuses that carry evidence and a fix.
func bad(s ops.Status) bool { return s == ops.StatusWarn || s == ops.StatusFail }
