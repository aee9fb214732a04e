package httpapi

import (
	"strings"
	"unicode/utf8"

	"github.com/clipper/clipperops/moderation/problem"
)

// maxReason is the length of a moderator's reason in characters.
const maxReason = 2000

// checkText refuses a text that is too short or too long (in characters, not
// bytes), and one with a NUL, which Postgres does not hold.
func checkText(name, text string, least, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case least > 0 && strings.TrimSpace(text) == "":
		return problem.New(problem.InvalidRequest, "%s is missing", name)
	case n > most:
		return problem.New(problem.InvalidRequest, "%s has %d characters", name, n).WithDetail("at most %d", most)
	case strings.ContainsRune(text, 0):
		return problem.New(problem.InvalidRequest, "%s has a NUL in it", name)
	}
	return nil
}
