package expression

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/prometheus/promql/parser"
)

// Mistake is what is wrong in an expression.
type Mistake struct {
	What string
	// Line and Column count from 1, in characters; zero when the place is not known.
	Line, Column int
	// Near is what stands there, "" at the end.
	Near string
}

// nearLength is how many characters tell the place to somebody who reads.
const nearLength = 24

// Error says what is wrong and where.
func (m *Mistake) Error() string {
	switch {
	case m.Line == 0:
		return m.What
	case m.Near == "":
		return m.What + ", at its end"
	case m.Line == 1:
		return fmt.Sprintf("%s, at character %d: `%s`", m.What, m.Column, m.Near)
	default:
		return fmt.Sprintf("%s, at character %d of its line %d: `%s`", m.What, m.Column, m.Line, m.Near)
	}
}

// MistakeOf is the first of the parser's words, without the expression, which may be
// long and is named anyway.
func MistakeOf(err error) *Mistake {
	var all parser.ParseErrors
	if !errors.As(err, &all) || len(all) == 0 {
		return &Mistake{What: err.Error()}
	}
	m, text, at := &Mistake{What: all[0].Err.Error()}, all[0].Query, int(all[0].PositionRange.Start)
	if at < 0 || at > len(text) {
		return m
	}
	before, rest := text[:at], strings.TrimSpace(text[at:])
	m.Line = 1 + strings.Count(before, "\n")
	m.Column = 1 + utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:])
	m.Near, _, _ = strings.Cut(rest, "\n")
	m.Near = strings.Map(visible, m.Near)
	if runes := []rune(m.Near); len(runes) > nearLength {
		m.Near = string(runes[:nearLength]) + "…"
	}
	return m
}

// visible keeps a terminal from being told what a file says.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
