package metrics

import (
	"strings"
	"unicode"
)

// quoted is a text as an error shows it: short, on one line, nothing in it that a
// terminal would obey.
func quoted(s string) string { return "`" + plain(s, 200) + "`" }

// plain makes one line of at most limit characters of a text from elsewhere.
func plain(s string, limit int) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
