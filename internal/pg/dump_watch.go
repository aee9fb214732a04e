package pg

import (
	"bytes"
	"fmt"
	"regexp"
)

// commandWatch looks for commands of psql itself in a plain dump: "\! rm -rf ~"
// runs in the shell of whoever restores it. A psql of August 2025 or newer
// refuses them in its restricted mode; for an older one this reads the script as
// psql does. Where psql could read it in more than one way it is refused as well:
// pg_dump hardly writes such things, and whoever hides a command would.
type commandWatch struct {
	mode scriptMode
	// depth is that of block comments, parens that of open parentheses.
	depth, parens int
	// idle is true where a statement may begin; wasIdle is it one byte before.
	idle, wasIdle bool
	// last is the byte before, zero where it belongs to something that is over.
	last byte
	// word is the identifier or number being read, tag what stands between the
	// dollars of a quoted text, seen how much of its end has come.
	word, tag []byte
	seen      int
	// odd says that an odd number of backslashes stands before this byte of a text.
	odd bool

	line    int
	midLine bool
}

type scriptMode int

const (
	inCode scriptMode = iota
	inLineComment
	inBlockComment
	inText
	inName
	inTag
	inDollars
	inRows
)

// CommandError is a script that psql cannot safely be given.
type CommandError struct {
	Line int
	What string
}

// Error names the line and what it holds.
func (e *CommandError) Error() string { return fmt.Sprintf("line %d holds %s", e.Line, e.What) }

func newCommandWatch() *commandWatch { return &commandWatch{idle: true} }

// copyFrom is how pg_dump begins the rows of a table. Any other spelling is not
// taken for it, and the \. behind its rows is refused.
var copyFrom = regexp.MustCompile(`^COPY ` + namePattern + `(?:\.` + namePattern + `)?(?: \(` + namePattern + `(?:, ` + namePattern + `)*\))? FROM stdin;\n$`)

const namePattern = `(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")`

// see reads on. A piece is a line, or a part of one that is too long.
func (w *commandWatch) see(piece []byte) error {
	atStart := !w.midLine
	w.midLine = !bytes.HasSuffix(piece, []byte("\n"))
	if atStart {
		w.line++
	}
	switch {
	case bytes.IndexByte(piece, 0) >= 0:
		return w.refuse("a zero byte, at which psql ends a line")
	case w.mode == inRows:
		if atStart && (string(piece) == "\\.\n" || string(piece) == "\\.\r\n") {
			w.mode = inCode
		}
		return nil
	case w.mode == inCode && w.idle && atStart && copyFrom.Match(piece):
		w.mode, w.last = inRows, 0
		return nil
	}
	for _, b := range piece {
		if err := w.step(b); err != nil {
			return err
		}
	}
	return nil
}

func (w *commandWatch) refuse(what string) error { return &CommandError{w.line, what} }

func (w *commandWatch) step(b byte) error {
	switch w.mode {
	case inCode:
		return w.code(b)
	case inLineComment:
		if b == '\n' || b == '\r' {
			w.mode = inCode
		}
	case inBlockComment:
		w.blockComment(b)
	case inText:
		return w.text(b)
	case inName:
		if b == '"' {
			w.mode = inCode
		}
	case inTag:
		return w.dollarTag(b)
	case inDollars:
		w.dollars(b)
	}
	return nil
}

func (w *commandWatch) code(b byte) error {
	last, wasIdle := w.last, w.wasIdle
	w.last, w.wasIdle = b, w.idle
	if isWordByte(b) {
		if last == ':' && (b < '0' || b > '9') {
			return w.refuse("a variable of psql")
		}
		w.word = append(w.word, b)
		w.idle = false
		return nil
	}
	if err := w.endWord(b); err != nil {
		return err
	}
	switch {
	case b == '\\':
		return w.refuse("a command of psql, which no dump has")
	case last == ':' && (b == '\'' || b == '"' || b == '{'):
		return w.refuse("a variable of psql")
	case last == '-' && b == '-':
		w.mode, w.last, w.idle = inLineComment, 0, wasIdle
		return nil
	case last == '/' && b == '*':
		w.mode, w.last, w.idle, w.depth = inBlockComment, 0, wasIdle, 1
		return nil
	case last == ':' && b == ':':
		w.last = 0 // a cast
	case b == '\'':
		w.mode, w.last, w.odd = inText, 0, false
	case b == '"':
		w.mode, w.last = inName, 0
	case b == '$':
		w.mode, w.last, w.tag = inTag, 0, w.tag[:0]
	case b == '(':
		w.parens++
	case b == ')':
		w.parens = max(0, w.parens-1)
	}
	switch b {
	case ' ', '\t', '\n', '\r', '\f', '\v':
	default:
		w.idle = b == ';' && w.parens == 0
	}
	return nil
}

// endWord judges the word that b ends.
func (w *commandWatch) endWord(b byte) error {
	if len(w.word) == 0 {
		return nil
	}
	word := bytes.ToLower(w.word)
	w.word = w.word[:0]
	if b == '$' {
		return w.refuse("a dollar sign behind a word")
	}
	// From BEGIN on psql does not end a statement at its semicolons.
	if w.parens == 0 && (string(word) == "begin" || word[0] <= '9' && bytes.HasSuffix(word, []byte("begin"))) {
		return w.refuse("a BEGIN outside of quotes, as SQL functions with BEGIN ATOMIC have it")
	}
	return nil
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b >= 0x80
}

func (w *commandWatch) blockComment(b byte) {
	last := w.last
	w.last = b
	switch {
	case last == '/' && b == '*':
		w.depth, w.last = w.depth+1, 0
	case last == '*' && b == '/':
		w.depth, w.last = w.depth-1, 0
		if w.depth == 0 {
			w.mode = inCode
		}
	}
}

// text reads '…'. Whether a backslash protects the quote behind it depends on a
// setting that the script itself may change.
func (w *commandWatch) text(b byte) error {
	switch {
	case b == '\\':
		w.odd = !w.odd
		return nil
	case b == '\'' && w.odd:
		return w.refuse("a backslash before the quote that may end a text")
	case b == '\'':
		w.mode = inCode
	}
	w.odd = false
	return nil
}

// dollarTag reads the $tag$ that begins a quoted text.
func (w *commandWatch) dollarTag(b byte) error {
	switch {
	case b == '$':
		w.mode, w.seen = inDollars, 0
		w.tag = append(append([]byte("$"), w.tag...), '$')
	case !isWordByte(b), len(w.tag) == 0 && b >= '0' && b <= '9':
		return w.refuse("a dollar sign that begins no text")
	default:
		w.tag = append(w.tag, b)
	}
	return nil
}

// dollars reads the text up to its end, the same $tag$.
func (w *commandWatch) dollars(b byte) {
	switch {
	case b == w.tag[w.seen]:
		w.seen++
	case b == '$':
		w.seen = 1
	default:
		w.seen = 0
	}
	if w.seen == len(w.tag) {
		w.mode, w.tag = inCode, nil
	}
}
