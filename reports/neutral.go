package reports

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipper/clipperops/internal/ops"
)

// Neutral makes text from elsewhere harmless: control characters, invisible and
// direction-changing ones are shown escaped (\x1b, \u202e) instead of being
// obeyed by a terminal or a browser. Line feeds and tabs become a space, because
// a line is a line: hostile data must not be able to add lines of its own.
func Neutral(s string) string {
	return escape(strings.Trim(lineBreaks.Replace(s), " "))
}

// neutralLines is Neutral for text that may have several lines. Leading spaces
// stay; a tab becomes one space, so that a caret below keeps pointing at its column.
func neutralLines(s string) []string {
	s = strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = escape(strings.TrimRight(strings.ReplaceAll(line, "\t", " "), " "))
	}
	return lines
}

// literalLines is text that is copied: nothing in its lines is changed but what would be
// obeyed instead of seen.
func literalLines(s string) []string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		cells := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for j := range cells {
			cells[j] = escape(cells[j])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return lines
}

// valueLines are the lines of a fact's value.
func valueLines(f ops.Fact) []string {
	if f.Literal {
		return literalLines(f.Value)
	}
	return neutralLines(f.Value)
}

var lineBreaks = strings.NewReplacer("\r\n", " ", "\n\t", " ", "\n", " ", "\r", " ", "\t", " ")

func escape(s string) string {
	if !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1, obeyed(r) && r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case obeyed(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case obeyed(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

func needsEscape(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, obeyed)
}

// obeyed tells the characters that act instead of being seen.
func obeyed(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// asciiPunctuation spells our own typography where the terminal cannot show it.
// Letters stay as they are: a name must remain the name that can be typed.
var asciiPunctuation = strings.NewReplacer(
	"·", "-", "–", "-", "—", "-", "‑", "-", "→", "->", "←", "<-", "…", "...",
	"✓", "ok", "⚠", "warn", "✗", "FAIL", "×", "x", "≥", ">=", "≤", "<=", "≈", "~",
	"“", `"`, "”", `"`, "‘", "'", "’", "'", "\u00a0", " ", "\u202f", " ",
	"▁", "_", "▂", ",", "▃", ":", "▄", ";", "▅", "=", "▆", "+", "▇", "*", "█", "#", // a sparkline's, apart from a gap's -
)
