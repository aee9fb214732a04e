package reports

import (
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// Role is the part a piece of text plays in a line, for whoever paints it.
type Role int

// The roles a Layout paints.
const (
	RolePlain Role = iota
	RoleHeading
	RolePass
	RoleWarn
	RoleFail
	RoleSkip
	// RoleFaint is what may recede: ids, durations, paths.
	RoleFaint
	// RoleCommand is what can be typed.
	RoleCommand
)

// DefaultWidth is the width of text where no terminal says otherwise, in columns.
const DefaultWidth = 80

// The narrowest and the widest lines a Layout composes, in columns: below, words
// stand alone; above, an id at the right edge is too far from its line.
const (
	minWidth = 40
	maxWidth = 100
)

// narrow is the width below which a flow has no left column.
const narrow = 60

// Layout says how lines for people are composed. The zero value is 80 columns,
// Unicode marks, no colour.
type Layout struct {
	// Width in columns; zero means DefaultWidth.
	Width int
	// ASCII avoids every mark and punctuation beyond ASCII.
	ASCII bool
	// Verbose shows everything, also the evidence of what passed.
	Verbose bool
	// Quiet leaves warnings and failures alone.
	Quiet bool
	// Paint dresses a piece of text for its role; nil leaves it plain. It must
	// not change the columns the text takes.
	Paint func(Role, string) string
}

// Shape is how the steps of a command are set.
type Shape int

// A checklist has its steps as headings with one line a check; a flow has one
// line a step.
const (
	ShapeFlow Shape = iota
	ShapeChecklist
)

// ShapeOf returns the shape of a command's text: preflight and validate are
// checklists, all that moves something is a flow.
func ShapeOf(command string) Shape {
	switch name, _, _ := strings.Cut(command, " "); name {
	case "preflight", "validate":
		return ShapeChecklist
	}
	return ShapeFlow
}

// Columns is the width lines are set to: Width within reasonable bounds.
func (l Layout) Columns() int {
	if l.Width <= 0 {
		return DefaultWidth
	}
	return min(max(l.Width, minWidth), maxWidth)
}

func (l Layout) paint(role Role, text string) string {
	if l.Paint == nil || text == "" || role == RolePlain {
		return text
	}
	return l.Paint(role, text)
}

// Spell returns text from elsewhere as one harmless line, in the characters the
// layout allows.
func (l Layout) Spell(s string) string { return l.spell(Neutral(s)) }

// many returns text from elsewhere as harmless lines.
func (l Layout) many(s string) []string {
	lines := neutralLines(s)
	for i := range lines {
		lines[i] = l.spell(lines[i])
	}
	return lines
}

func (l Layout) spell(s string) string {
	if l.ASCII {
		return asciiPunctuation.Replace(s)
	}
	return s
}

// Mark returns the mark of a status, unpainted: ✓ ⚠ ✗ – or ok, warn, FAIL, skip.
func (l Layout) Mark(s ops.Status) string {
	marks := map[ops.Status][2]string{
		ops.StatusPass: {"✓", "ok"}, ops.StatusWarn: {"⚠", "warn"},
		ops.StatusFail: {"✗", "FAIL"}, ops.StatusSkip: {"–", "skip"},
	}
	if l.ASCII {
		return marks[s][1]
	}
	return marks[s][0]
}

func (l Layout) markWidth() int {
	if l.ASCII {
		return 4
	}
	return 1
}

// Ellipsis is what stands for what is going on or was left out.
func (l Layout) Ellipsis() string { return l.spell("…") }

func roleOf(s ops.Status) Role {
	switch s {
	case ops.StatusPass:
		return RolePass
	case ops.StatusWarn:
		return RoleWarn
	case ops.StatusFail:
		return RoleFail
	default:
		return RoleSkip
	}
}

// span is a piece of a line and its role.
type span struct {
	role Role
	text string
}

// block sets text behind head, wrapped with hanging indentation, and tail at the
// right edge of its last line, or of a line of its own where it does not fit.
func (l Layout) block(head []span, hang int, role Role, text []word, tail span) []string {
	start, used := "", 0
	for _, s := range head {
		start += l.paint(s.role, s.text)
		used += columns(s.text)
	}
	pieces := wrap(text, l.Columns()-used, l.Columns()-hang)
	lines := make([]string, len(pieces))
	for i, p := range pieces {
		if i > 0 {
			start, used = strings.Repeat(" ", hang), hang
		}
		lines[i] = start + l.paint(role, p)
		if p == "" {
			lines[i] = strings.TrimRight(start, " ")
		}
		used += columns(p)
	}
	if tail.text == "" {
		return lines
	}
	painted := l.paint(tail.role, tail.text)
	if gap := l.Columns() - used - columns(tail.text); gap >= 2 {
		lines[len(lines)-1] += strings.Repeat(" ", gap) + painted
		return lines
	}
	return append(lines, strings.Repeat(" ", max(hang, l.Columns()-columns(tail.text)))+painted)
}

// Wrap sets neutralised text to the layout's width behind an indentation of so
// many columns. Commands in it stay unbroken.
func (l Layout) Wrap(indent int, text string) []string {
	var lines []string
	for _, line := range l.many(text) {
		lines = append(lines, l.block([]span{{RolePlain, strings.Repeat(" ", indent)}}, indent, RolePlain, glue(words(line)), span{})...)
	}
	return lines
}
