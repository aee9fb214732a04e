package reports

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// Header composes the first line of a run: what runs, on what.
func (l Layout) Header(run *ops.Run) []string {
	parts := []string{strings.TrimSpace("clipperops " + run.Version)}
	for _, p := range []string{run.Command, run.Release, run.Environment, Database(run.Database)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	var text []word
	for i, p := range parts {
		if i > 0 {
			text[len(text)-1].text += l.spell(" ·") // a line does not begin with a dot
		}
		for j, w := range words(l.Spell(p)) {
			if i > 0 && j == 0 {
				w.gap = " "
			}
			text = append(text, w)
		}
	}
	return l.block(nil, 2, RoleFaint, text, span{})
}

// Database shortens a redacted URL to what a person reads:
// clipper@db.internal:5432/clipper_db (sslmode require). A password is dropped.
func Database(redacted string) string {
	u, err := url.Parse(redacted)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return redacted
	}
	host := u.Host
	if host == "" {
		host = u.Query().Get("host")
	}
	text := host + "/" + strings.TrimPrefix(u.Path, "/")
	if name := u.User.Username(); name != "" {
		text = name + "@" + text
	}
	if mode := u.Query().Get("sslmode"); mode != "" {
		text += " (sslmode " + mode + ")"
	}
	return text
}

// Conclusion composes the last word of a run: its first line behind the mark of
// the outcome, any line behind the mark it brings itself. What the failure says
// anyway is left out.
func (l Layout) Conclusion(run *ops.Run) []string {
	what := ""
	if f := failureOf(run.Err); f != nil {
		what = f.What
	}
	var lines []string
	for _, text := range run.Conclusion {
		status, text := concluded(text)
		if text == what {
			continue
		}
		if status == "" && len(lines) == 0 {
			status = conclusionStatus(run)
		}
		var head []span
		if status != "" {
			head = []span{{roleOf(status), l.Mark(status)}, {RolePlain, " "}}
		}
		lines = append(lines, l.block(head, 2, RolePlain, glue(words(l.Spell(text))), span{})...)
	}
	return lines
}

// conclusionStatus is the status a conclusion stands for: that of the outcome,
// but a flow that reached its end passed, whatever it was warned of on the way.
func conclusionStatus(run *ops.Run) ops.Status {
	if run.Outcome() == ops.OutcomeWarn && ShapeOf(run.Command) == ShapeFlow {
		return ops.StatusPass
	}
	return statusOf(run.Outcome())
}

// concluded parts a line of a conclusion from the mark it may begin with.
func concluded(text string) (ops.Status, string) {
	text = strings.TrimSpace(text)
	for _, s := range []ops.Status{ops.StatusPass, ops.StatusWarn, ops.StatusFail, ops.StatusSkip} {
		if rest, ok := strings.CutPrefix(text, Layout{}.Mark(s)+" "); ok {
			return s, strings.TrimSpace(rest)
		}
	}
	return "", text
}

// unmarked is a line of a conclusion without its mark, where marks stand elsewhere.
func unmarked(text string) string {
	_, text = concluded(text)
	return text
}

func statusOf(o ops.Outcome) ops.Status {
	switch o {
	case ops.OutcomePass:
		return ops.StatusPass
	case ops.OutcomeWarn, ops.OutcomeInconclusive:
		return ops.StatusWarn
	default:
		return ops.StatusFail
	}
}

// Files composes the lines that say what the run left behind, its reports last.
func (l Layout) Files(run *ops.Run) []string {
	var files, reports []span
	for _, a := range run.Artifacts {
		s := span{RolePlain, a.Kind + ": " + a.Path}
		if a.Kind == "report" {
			reports = append(reports, s)
		} else {
			files = append(files, s)
		}
	}
	var lines []string
	for _, f := range append(files, reports...) {
		label, path, _ := strings.Cut(f.text, ": ")
		lines = append(lines, l.block([]span{{RoleFaint, l.Spell(label) + ":"}, {RolePlain, " "}}, 2, RolePlain, []word{{"", l.Spell(path), false}}, span{})...)
	}
	if len(lines) > 0 && run.ID != "" {
		lines = append([]string{l.paint(RoleFaint, "run: ") + l.Spell(run.ID)}, lines...)
	}
	return lines
}

// Next composes the commands that make sense after a run that succeeded. One
// that is introduced by words of its own ("undo with: …") stands as it is.
func (l Layout) Next(run *ops.Run) []string {
	var lines []string
	for _, text := range run.Next {
		if first, _, _ := strings.Cut(text, " "); startsCommand(first) {
			lines = append(lines, l.next([]string{text})...)
			continue
		}
		lines = append(lines, l.statement(text)...)
	}
	return lines
}

func (l Layout) next(commands []string) []string {
	var text []string
	for _, c := range commands {
		text = append(text, l.many(c)...)
	}
	return l.labelled(0, "next:", text)
}

// Failures composes what went wrong with a run: the failure that ended it, and
// the errors of steps that did not. It is empty for a run without errors.
func (l Layout) Failures(run *ops.Run) []string {
	var lines []string
	for _, f := range failuresOf(run) {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, l.Failure(f)...)
	}
	return lines
}

// failuresOf returns the errors of steps that the run survived, then the failure
// that ended it, with the run's own next commands added to it.
func failuresOf(run *ops.Run) []*ops.Failure {
	var failures []*ops.Failure
	for _, s := range run.Steps {
		if s.Err != nil && !errors.Is(run.Err, s.Err) {
			failures = append(failures, failureOf(s.Err))
		}
	}
	if run.Err == nil {
		return failures
	}
	last := failureOf(run.Err)
	last.Next = slices.Clone(last.Next)
	for _, n := range run.Next {
		if !slices.Contains(last.Next, n) {
			last.Next = append(last.Next, n)
		}
	}
	return append(failures, last)
}

// failureOf is ops.AsFailure, with a word a person would use where a bare
// context error ended the run.
func failureOf(err error) *ops.Failure {
	f := ops.AsFailure(err)
	if f != nil && f.What == context.Canceled.Error() {
		f.What = "interrupted"
	}
	return f
}

// Failure composes the lines of a failure: what happened, its detail, what is
// true now, what to do next.
func (l Layout) Failure(f *ops.Failure) []string {
	mark := l.Mark(ops.StatusFail)
	lines := l.block([]span{{RoleFail, mark}, {RolePlain, " "}}, 2, RolePlain, words(l.Spell(f.Error())), span{})
	lines = append(lines, l.detail(4, detailOf(f))...)
	for _, s := range f.State {
		lines = append(lines, l.statement(s)...)
	}
	return append(lines, l.next(f.Next)...)
}

// Warning returns the lines of a warning that belongs to no run.
func (l Layout) Warning(text string) []string {
	return l.block([]span{{RoleWarn, l.Mark(ops.StatusWarn)}, {RolePlain, " "}}, 2, RolePlain, words(l.Spell(text)), span{})
}

// statement sets text at the left edge. All but its first line are indented:
// what came from elsewhere may not begin a line of its own there.
func (l Layout) statement(text string) []string {
	var lines []string
	for i, line := range l.many(text) {
		var margin []span
		if i > 0 {
			margin = []span{{RolePlain, "  "}}
		}
		lines = append(lines, l.block(margin, 2, RolePlain, glue(words(line)), span{})...)
	}
	return lines
}

// detailOf is the detail of a failure; where it has none, its cause.
func detailOf(f *ops.Failure) []string {
	if len(f.Detail) > 0 || f.Err == nil || errors.Is(f.Err, context.Canceled) {
		return f.Detail
	}
	cause := f.Err.Error()
	if cause == "" || strings.Contains(f.What, cause) {
		return nil
	}
	return []string{cause}
}

// detail sets the lines of a detail. A line of code with a caret below it is not
// wrapped but cut around the caret.
func (l Layout) detail(indent int, detail []string) []string {
	var text []string
	for _, d := range detail {
		text = append(text, l.many(d)...)
	}
	margin := strings.Repeat(" ", indent)
	var lines []string
	for i := 0; i < len(text); i++ {
		if i+1 < len(text) && isCaret(text[i+1]) {
			code, caret := l.around(text[i], text[i+1], l.Columns()-indent)
			lines = append(lines, margin+code, margin+l.paint(RoleFail, caret))
			i++
			continue
		}
		lines = append(lines, l.block([]span{{RolePlain, margin}}, indent+2, RolePlain, words(text[i]), span{})...)
	}
	return lines
}

func isCaret(line string) bool {
	return strings.Contains(line, "^") && strings.Trim(line, " ^~") == ""
}

// around cuts a line of code to width so that the caret below it stays in sight.
func (l Layout) around(code, caret string, width int) (string, string) {
	runes, at := []rune(code), strings.Index(caret, "^")
	if columns(code) <= width || columns(code) != len(runes) {
		return code, caret // it fits, or its columns are not its characters
	}
	if start := at - width*2/3; start > 0 {
		start = min(start, len(runes)-1)
		runes, caret = runes[start:], caret[start:]
	}
	return strings.TrimRight(cut(string(runes), width, l.Ellipsis()), " "), caret
}
