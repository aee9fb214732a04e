package sqlscan

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind tells what a Token is.
type Kind uint8

// The kinds of tokens.
const (
	// Space is white space.
	Space Kind = iota
	// Comment is a line comment without its line end, or a whole block comment.
	Comment
	// Word is a keyword or an identifier without quotes.
	Word
	// QuotedIdentifier is "…" or U&"…".
	QuotedIdentifier
	// String is '…', N'…', E'…', U&'…' or a dollar quotation.
	String
	// Bits is B'…' or X'…'.
	Bits
	// Number is a numeric constant.
	Number
	// Parameter is $1.
	Parameter
	// Operator is a run of operator characters.
	Operator
	// Punctuation is one of , ( ) [ ] ; : . or any other single character.
	Punctuation
	// CopyData is the rows after COPY … FROM stdin; with the line \. that ends them.
	CopyData
)

// maxIdentifier is the length in bytes to which the server cuts identifiers.
const maxIdentifier = 63

// Token is a piece of SQL.
type Token struct {
	Kind Kind
	// Text is the token as it stands in the input.
	Text string
	// Start is the token's offset in the input, in bytes.
	Start int
	// Line is that of the token's first byte, from 1.
	Line int
}

// End is the offset of the first byte after the token.
func (t Token) End() int { return t.Start + len(t.Text) }

// Is reports whether the token is the keyword, which is given in upper case.
func (t Token) Is(keyword string) bool {
	return t.Kind == Word && len(t.Text) == len(keyword) && strings.EqualFold(t.Text, keyword)
}

// IsPunct reports whether the token is that punctuation or operator.
func (t Token) IsPunct(text string) bool {
	return (t.Kind == Punctuation || t.Kind == Operator) && t.Text == text
}

// Name is the identifier the token stands for: folded to lower case when it
// stands without quotes, unquoted otherwise, cut as the server cuts it. It is ""
// when the token is no identifier.
func (t Token) Name() string {
	switch {
	case t.Kind == Word:
		return cut(lower(t.Text))
	case t.Kind != QuotedIdentifier:
		return ""
	case t.Text[0] == '"':
		return cut(strings.ReplaceAll(t.Text[1:len(t.Text)-1], `""`, `"`))
	default:
		return cut(decodeUnicode(strings.ReplaceAll(t.Text[3:len(t.Text)-1], `""`, `"`)))
	}
}

// Value is what a String stands for where it says so plainly: the text of a
// '…' or dollar quotation. ok is false for the kinds with escapes.
func (t Token) Value() (value string, ok bool) {
	if t.Kind != String {
		return "", false
	}
	switch t.Text[0] {
	case '\'':
		return strings.ReplaceAll(t.Text[1:len(t.Text)-1], "''", "'"), true
	case '$':
		tag := strings.IndexByte(t.Text[1:], '$') + 2
		return t.Text[tag : len(t.Text)-tag], true
	}
	return "", false
}

// lower folds ASCII letters alone: what the server does in a UTF-8 database.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

func cut(s string) string {
	if len(s) <= maxIdentifier {
		return s
	}
	end := maxIdentifier
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// decodeUnicode resolves \0061 and \+000061. Another escape character, chosen
// with UESCAPE, is left as it stands.
func decodeUnicode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			i++
			continue
		}
		start, digits := i+1, 4
		switch {
		case start < len(s) && s[start] == '\\':
			b.WriteByte('\\')
			i += 2
			continue
		case start < len(s) && s[start] == '+':
			start, digits = start+1, 6
		}
		if start+digits <= len(s) {
			if code, err := strconv.ParseUint(s[start:start+digits], 16, 32); err == nil {
				b.WriteRune(rune(code))
				i = start + digits
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}
