package console

import (
	"io"
	"strings"

	"github.com/clipper/clipperops/reports"
	"github.com/fatih/color"
)

// output is one of the two places the console writes to.
type output struct {
	w      io.Writer
	layout reports.Layout
	gone   bool // a write failed: the reader went away
}

func newOutput(w io.Writer, layout reports.Layout, painted bool) *output {
	if w == nil {
		w = io.Discard
	}
	if painted {
		layout.Paint = paint
	}
	return &output{w: w, layout: layout}
}

// print writes lines in one piece. After the first error nothing more is
// written: a run does not stop because nobody reads along any more.
func (o *output) print(lines ...string) {
	if len(lines) > 0 {
		o.write(strings.Join(lines, "\n") + "\n")
	}
}

func (o *output) write(text string) {
	if o.gone {
		return
	}
	if _, err := io.WriteString(o.w, text); err != nil {
		o.gone = true
	}
}

// styles are the colours of the roles; each is switched on by itself, so that
// what the color package thinks of the process's standard output does not matter.
var styles = map[reports.Role]*color.Color{
	reports.RoleHeading: style(color.Bold),
	reports.RolePass:    style(color.FgGreen),
	reports.RoleWarn:    style(color.FgYellow),
	reports.RoleFail:    style(color.FgRed, color.Bold),
	reports.RoleSkip:    style(color.Faint),
	reports.RoleFaint:   style(color.Faint),
	reports.RoleCommand: style(color.Bold),
}

func style(attributes ...color.Attribute) *color.Color {
	c := color.New(attributes...)
	c.EnableColor()
	return c
}

func paint(role reports.Role, text string) string {
	if s, ok := styles[role]; ok {
		return s.Sprint(text)
	}
	return text
}
