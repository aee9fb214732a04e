package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// Problem is one thing that is wrong in a release file.
type Problem struct {
	// Line and Column count from 1; zero when the place is not known.
	Line, Column int
	// Path is the key, e.g. "probes[2].since"; empty for the file as a whole.
	Path string
	Text string
}

// String is the problem in one line.
func (p Problem) String() string {
	var parts []string
	if p.Line > 0 {
		parts = append(parts, fmt.Sprintf("line %d, column %d", p.Line, p.Column))
	}
	if p.Path != "" {
		parts = append(parts, p.Path)
	}
	return strings.Join(append(parts, p.Text), ": ")
}

// FileError lists everything that is wrong in a release file.
type FileError struct {
	File string
	// Problems are in the order of the file.
	Problems []Problem
}

// Error names the file and its first problem.
func (e *FileError) Error() string {
	text := fmt.Sprintf("%s: %s", e.File, e.Problems[0])
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

type position struct{ line, column int }

// file is a release file while it is read: where things stand, and what is wrong.
type file struct {
	label    string
	at       map[string]position
	problems []Problem
}

// problem records what is wrong at path, or at the nearest key above it that
// stands in the file.
func (f *file) problem(path, format string, args ...any) {
	p := Problem{Path: path, Text: fmt.Sprintf(format, args...)}
	for above := path; ; above = parent(above) {
		if at, known := f.at[above]; known {
			p.Line, p.Column = at.line, at.column
			break
		}
		if above == "" {
			break
		}
	}
	f.problems = append(f.problems, p)
}

// parent of "a.b[3].c" is "a.b[3]", of that "a.b", of that "a", of that "".
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func (f *file) failure() error {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	lines := make([]string, len(f.problems))
	for i, p := range f.problems {
		lines[i] = p.String()
	}
	count := "a mistake"
	if len(lines) > 1 {
		count = fmt.Sprintf("%d mistakes", len(lines))
	}
	return &ops.Failure{
		Code:   ops.ExitUsage,
		What:   fmt.Sprintf("%s has %s", f.label, count),
		Detail: lines,
		State:  []string{"nothing was touched"},
		Err:    &FileError{File: f.label, Problems: f.problems},
	}
}
