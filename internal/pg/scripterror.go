package pg

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// excerptWidth is how many characters of a long line are shown, caretMargin how many of them
	// stand at least before the caret.
	excerptWidth = 100
	caretMargin  = 60
)

// ScriptError is a server's error at its place in an SQL script.
type ScriptError struct {
	File string
	// Line and Column are where the server points, from 1, in characters. Both are 0 when the
	// place is not known; Column alone is 0 when only the statement is.
	Line, Column int
	// Excerpt is the line of the script, the part around Column when it is long, without the
	// white space it begins with.
	Excerpt string
	// Caret is what to print below Excerpt to point at Column: it keeps the tabs. It is "" without
	// a column.
	Caret string
	// PgError is what the server said.
	PgError *pgconn.PgError
}

// LocateError finds the place in body that the server's error is about. base is where in body, in
// bytes, the text begins that was sent to the server and that the error's position counts from. An
// error without a position is placed at base; with body "" the place is not known.
func LocateError(file, body string, base int, err *pgconn.PgError) *ScriptError {
	e := &ScriptError{File: file, PgError: err}
	if body == "" || base < 0 || base > len(body) {
		return e
	}
	offset, pointed := characterOffset(body, base, int(err.Position)), err.Position > 0
	if at, ok := mentioned(body, base, err); !pointed && ok {
		offset, pointed = at, true
	}
	begin := strings.LastIndexByte(body[:offset], '\n') + 1
	line, _, _ := strings.Cut(body[begin:], "\n")
	line = strings.TrimSuffix(line, "\r")
	before := body[begin : begin+min(offset-begin, len(line))]
	e.Line = 1 + strings.Count(body[:begin], "\n")
	e.Excerpt, e.Caret = excerpt(line, before)
	if !pointed {
		e.Caret = ""
		return e
	}
	e.Column = 1 + utf8.RuneCountInString(before)
	return e
}

// quotedName is what a message quotes first: relation "userz" does not exist.
var quotedName = regexp.MustCompile(`"([^"]+)"`)

// mentioned finds the one place where the statement at base names what the message is about. The
// server gives no position for much of what DDL refers to, a missing table behind REFERENCES for one.
func mentioned(body string, base int, err *pgconn.PgError) (offset int, ok bool) {
	name := quotedName.FindStringSubmatch(err.Message)
	if name == nil || !strings.HasPrefix(err.Code, "42") { // syntax error or access rule violation: about names
		return 0, false
	}
	statement := body[base:]
	if end := statementEnd.FindStringIndex(statement); end != nil {
		statement = statement[:end[0]]
	}
	word, bad := regexp.Compile(`(?i)(^|[^\w$])` + regexp.QuoteMeta(name[1]) + `($|[^\w$])`)
	found := [][]int(nil)
	if bad == nil {
		found = word.FindAllStringSubmatchIndex(statement, 2)
	}
	if len(found) != 1 {
		return 0, false
	}
	return base + found[0][3], true
}

// statementEnd is a semicolon that ends its line. One inside a function's body ends the search too
// early, never too late.
var statementEnd = regexp.MustCompile(`;[ \t\r]*(--.*)?(\n|$)`)

// characterOffset is the offset in bytes of the position-th character behind base, counted from 1.
// The end of the text, where the server finds that something is missing, is put behind its last
// visible character.
func characterOffset(body string, base, position int) int {
	offset := base
	for i := 1; i < position && offset < len(body); i++ {
		_, size := utf8.DecodeRuneInString(body[offset:])
		offset += size
	}
	if strings.TrimSpace(body[offset:]) == "" && position > 0 {
		return max(base, len(strings.TrimRightFunc(body[:offset], unicode.IsSpace)))
	}
	return offset
}

// excerpt cuts a line down to what is worth showing of it, and makes the line with the caret.
func excerpt(line, before string) (text, caret string) {
	const byteOrderMark = "\ufeff"
	line, before = strings.TrimPrefix(line, byteOrderMark), strings.TrimPrefix(before, byteOrderMark)
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	indent = min(indent, len(before))
	left, right := printable(before[indent:]), printable(line[len(before):])
	right = []rune(strings.TrimRight(string(right), " \t"))
	if len(left)+len(right) > excerptWidth {
		if len(left) > caretMargin {
			left = append([]rune("…"), left[len(left)-caretMargin+1:]...)
		}
		if room := excerptWidth - len(left); len(right) > room {
			right = append(right[:room-1:room-1], '…')
		}
	}
	var pad strings.Builder
	for _, r := range left {
		if r != '\t' {
			r = ' '
		}
		pad.WriteRune(r)
	}
	return string(left) + string(right), pad.String() + "^"
}

// printable keeps a script from speaking to the terminal.
func printable(s string) []rune {
	runes := []rune(s)
	for i, r := range runes {
		if r != '\t' && !unicode.IsPrint(r) {
			runes[i] = '·'
		}
	}
	return runes
}

// Error is the error in one line: "000049_x.up.sql:12:31: relation "userz" does not exist (42P01)".
func (e *ScriptError) Error() string {
	place := e.File
	if e.Line > 0 {
		place += fmt.Sprintf(":%d", e.Line)
	}
	if e.Column > 0 {
		place += fmt.Sprintf(":%d", e.Column)
	}
	if place != "" {
		place += ": "
	}
	return place + e.PgError.Message + " (" + e.PgError.Code + ")"
}

// Unwrap returns the server's error.
func (e *ScriptError) Unwrap() error { return e.PgError }

// Lines is the error for an operator: the line and the message, the excerpt with its caret, and
// everything else the server said.
func (e *ScriptError) Lines() []string {
	head := fmt.Sprintf("%s %s (%s)", e.PgError.Severity, e.PgError.Message, e.PgError.Code)
	if e.Line > 0 {
		head = fmt.Sprintf("line %d: %s", e.Line, head)
	}
	lines := strings.Split(head, "\n")
	if e.Excerpt != "" {
		lines = append(lines, "    "+e.Excerpt)
	}
	if e.Caret != "" {
		lines = append(lines, "    "+e.Caret)
	}
	lines = append(lines, labelled("detail: ", e.PgError.Detail)...)
	lines = append(lines, labelled("hint: ", e.PgError.Hint)...)
	lines = append(lines, labelled("in: ", e.PgError.InternalQuery)...)
	lines = append(lines, labelled("where: ", e.PgError.Where)...)
	return append(lines, labelled("object: ", e.object())...)
}

// object is what the server says the error is about: a constraint, a column, a type. The message
// mostly names it, but not its schema and table.
func (e *ScriptError) object() string {
	p := e.PgError
	var parts []string
	add := func(kind, name string) {
		if name != "" {
			parts = append(parts, kind+" "+name)
		}
	}
	add("constraint", p.ConstraintName)
	add("column", p.ColumnName)
	add("type", p.DataTypeName)
	if len(parts) == 0 {
		return ""
	}
	table := p.TableName
	if table != "" && p.SchemaName != "" {
		table = p.SchemaName + "." + table
	}
	add("of table", table)
	return strings.Join(parts, " ")
}

// labelled puts the label before the first line and aligns the others below it.
func labelled(label, text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		if i == 0 {
			lines[i] = label + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", len(label)) + lines[i]
		}
	}
	return lines
}
