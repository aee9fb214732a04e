package reports

import (
	"io"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// Text writes a finished run as the lines a console would have shown.
func Text(w io.Writer, run *ops.Run, l Layout) error {
	var lines []string
	if !l.Quiet {
		lines = append(l.Header(run), "")
	}
	shape := ShapeOf(run.Command)
	for _, step := range run.Steps {
		s := l.Step(shape, step.Name)
		for _, r := range step.Results {
			lines = append(lines, s.Result(r)...)
		}
		lines = append(lines, s.End(step.Took, step.Err)...)
	}
	for _, part := range l.Ending(run) {
		if len(lines) > 0 && len(part) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, "")
		}
		lines = append(lines, part...)
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// Ending composes the end of a run: what belongs to the result (counts,
// conclusion, files, next commands), and the failure, which is the last word
// where there is one.
func (l Layout) Ending(run *ops.Run) (parts [2][]string) {
	if l.Quiet {
		return [2][]string{l.Conclusion(run), l.Failures(run)}
	}
	result := append(l.Counts(run), l.Conclusion(run)...)
	if files := l.Files(run); len(files) > 0 {
		result = append(append(result, ""), files...)
	}
	if run.Err == nil {
		result = append(result, l.Next(run)...)
	}
	return [2][]string{result, l.Failures(run)}
}
