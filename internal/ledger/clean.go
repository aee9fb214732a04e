package ledger

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest text, in bytes, that is stored of each kind. What is longer is
// cut: the report has the whole of it.
const (
	maxLabel   = 255
	maxTarget  = 1024
	maxPath    = 4096
	maxError   = 8192
	maxFinding = 512
)

// minSecret is the length below which a password is not searched for literally:
// it would turn up inside ordinary words, and so give itself away.
const minSecret = 8

var secrets = []struct {
	pattern *regexp.Regexp
	instead string
}{
	// user:password@ of a URL, up to the last @ of the word
	{regexp.MustCompile(`(://[^\s:/?#@]*):\S*@`), "$1:***@"},
	// password=…, PGPASSWORD=…, "password": "…"
	{regexp.MustCompile(`(?i)([a-z_]*(?:password|passwd|passphrase|secret|token|api_?key)["']?\s*[=:]\s*)(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|[^\s&;,]+)`), "$1***"},
	// CREATE ROLE … PASSWORD '…'
	{regexp.MustCompile(`(?i)(\bpassword\s+)[eE]?'(?:[^']|'')*'`), "$1***"},
}

// cleaner makes text fit to be stored and printed: bounded, without control
// characters and without secrets.
type cleaner struct {
	secret string
	ascii  bool
}

// newCleaner returns a cleaner that knows the connection's password, unless it
// is a part of one of the public words, which it would deface and betray.
func newCleaner(password string, public []string, ascii bool) cleaner {
	if len(password) < minSecret || slices.ContainsFunc(public, func(w string) bool { return strings.Contains(w, password) }) {
		password = ""
	}
	return cleaner{secret: password, ascii: ascii}
}

// line cleans a text of one line.
func (c cleaner) line(s string, limit int) string {
	return strings.Join(strings.Fields(c.text(s, limit)), " ")
}

// text cleans a text that may have several lines.
func (c cleaner) text(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if c.secret != "" {
		s = strings.ReplaceAll(s, c.secret, "***")
	}
	for _, r := range secrets {
		s = r.pattern.ReplaceAllString(s, r.instead)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		case c.ascii && r > unicode.MaxASCII:
			return '?'
		}
		return r
	}, s)
	return c.cut(s, limit)
}

func (c cleaner) cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	mark := "…"
	if c.ascii {
		mark = "..."
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
