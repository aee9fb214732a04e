package reports

import (
	"slices"
	"strings"
	"unicode"
)

// word is a piece of text that stays on one line, with the spaces before it.
type word struct {
	gap  string
	text string
	// own says that it gets a line of its own where the text takes more than one: SQL,
	// which is copied whole.
	own bool
}

// words splits text at its spaces.
func words(text string) []word {
	var out []word
	for {
		rest := strings.TrimLeft(text, " ")
		gap := text[:len(text)-len(rest)]
		if rest == "" {
			return out
		}
		end := strings.IndexByte(rest, ' ')
		if end < 0 {
			end = len(rest)
		}
		out = append(out, word{gap: gap, text: rest[:end]})
		text = rest[end:]
	}
}

// programs start a command line in the text of a fix or a next step; so does a
// word of SQL in capitals.
var (
	programs = []string{
		"clipperops", "psql", "pg_dump", "pg_ctl", "createdb", "dropdb", "migrate", "sudo", "apt-get", "brew", "docker",
		"kill", "mkdir", "chmod", "chown", "df", "export", "make", "git", "pg_isready", "getent", "timedatectl",
	}
	statements = []string{
		"SELECT", "ALTER", "GRANT", "REVOKE", "CREATE", "DROP", "DELETE", "UPDATE", "INSERT", "SET", "RESET", "VACUUM",
		"ANALYZE", "REINDEX", "TRUNCATE", "REFRESH", "COMMENT", "WITH",
	}
	continuations = []string{"then", "or", "and", "in", "so", "which", "when", "if", "to"}
)

// glue keeps each command in one word: a command broken over two lines would,
// when copied, run its first half alone.
func glue(in []word) []word {
	var out []word
	for i := 0; i < len(in); i++ {
		w := in[i]
		end := endOfSQL(in, i)
		switch {
		case end > i:
			w, i = joined(in[i:end+1]), end
		case strings.HasPrefix(w.text, "`") && !strings.Contains(w.text[1:], "`"):
			for i+1 < len(in) && !strings.Contains(in[i].text[min(1, len(in[i].text)):], "`") {
				i++
				w.text += in[i].gap + in[i].text
			}
		case startsCommand(w.text):
			for i+1 < len(in) && !endsCommand(in[i], in[i+1]) {
				i++
				w.text += in[i].gap + in[i].text
			}
		}
		out = append(out, w)
	}
	return out
}

// glueSQL keeps each statement of SQL that ends in a semicolon in one word, and leaves
// the rest as it is.
func glueSQL(in []word) []word {
	var out []word
	for i := 0; i < len(in); i++ {
		w := in[i]
		if end := endOfSQL(in, i); end > i {
			w, i = joined(in[i:end+1]), end
		}
		out = append(out, w)
	}
	return out
}

// endOfSQL is where the statement that starts at the word ends: at a semicolon outside
// of quotes; -1 when none starts there.
func endOfSQL(in []word, start int) int {
	if !slices.Contains(statements, in[start].text) {
		return -1
	}
	var single, double int
	for i := start; i < len(in); i++ {
		single += strings.Count(in[i].text, "'")
		double += strings.Count(in[i].text, `"`)
		if strings.HasSuffix(in[i].text, ";") && single%2 == 0 && double%2 == 0 {
			return i
		}
	}
	return -1
}

// joined is one word of several.
func joined(in []word) word {
	w := word{gap: in[0].gap, text: in[0].text, own: true}
	for _, next := range in[1:] {
		w.text += next.gap + next.text
	}
	return w
}

func startsCommand(w string) bool {
	return slices.Contains(programs, w) || slices.Contains(statements, w)
}

func endsCommand(w, next word) bool {
	return strings.HasSuffix(w.text, ";") || len(next.gap) > 1 || strings.HasPrefix(next.text, "(") ||
		strings.HasSuffix(w.text, ",") && slices.Contains(continuations, next.text)
}

// wrap fills lines with the words: first columns in the first line, rest in the
// others. A word longer than a line stands alone and unbroken.
func wrap(in []word, first, rest int) []string {
	var lines []string
	line, room := "", first
	whole := 0
	for _, w := range in {
		whole += columns(w.gap + w.text)
	}
	for i, w := range in {
		switch {
		case i > 0 && whole > first && (w.own || in[i-1].own):
			lines = append(lines, line)
			line, room = w.text, rest
		case i == 0 && columns(w.gap+w.text) > first && columns(w.text) <= rest && first < rest:
			lines = append(lines, "") // it fits below, not behind what stands before it
			line, room = w.text, rest
		case i == 0:
			line = w.gap + w.text
		case columns(line)+len(w.gap)+columns(w.text) <= room:
			line += w.gap + w.text
		default:
			lines = append(lines, line)
			line, room = w.text, rest
		}
	}
	return append(lines, line)
}

// columns is how many terminal columns text takes.
func columns(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.Is(wide, r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide holds the blocks that terminals draw two columns wide (Unicode TR 11, W and F).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x2e80, 0x303e, 1},
		{0x3041, 0x4dbf, 1},
		{0x4e00, 0xa4cf, 1},
		{0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1},
		{0xfe30, 0xfe6f, 1},
		{0xff01, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// pad fills text with spaces up to width columns.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-columns(text)))
}

// cut shortens text to width columns, marking the cut.
func cut(text string, width int, ellipsis string) string {
	if columns(text) <= width {
		return text
	}
	room := width - columns(ellipsis)
	var b strings.Builder
	for _, r := range text {
		if room -= columns(string(r)); room < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + ellipsis
}
