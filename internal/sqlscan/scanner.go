package sqlscan

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// operators are the characters of which operators are made.
const operators = "~!@#^&|`?+-*/%<>="

// scanner cuts tokens off the front of the input.
type scanner struct {
	body string
	pos  int
	line int

	// A string goes on in the next one when only white space with a line end
	// stands between them; the second then has the escapes of the first.
	previous    stringKind
	lineBetween bool
}

// Scan cuts body into tokens. Their texts, one after the other, are body. The
// error is an *Error.
func Scan(body string) ([]Token, error) {
	tokens, _, err := scan(body)
	return tokens, err
}

// scan returns the tokens, and which of them make a statement.
func scan(body string) ([]Token, []span, error) {
	if err := validText(body); err != nil {
		return nil, nil, err
	}
	s := scanner{body: body, line: 1}
	var tokens []Token
	var t tracker
	for s.pos < len(body) {
		if t.dataNext {
			data, err := s.copyData()
			if err != nil {
				return nil, nil, err
			}
			tokens = append(tokens, data)
			t.data(len(tokens) - 1)
			continue
		}
		next, err := s.next()
		if err != nil {
			return nil, nil, err
		}
		tokens = append(tokens, next)
		if err := t.take(next, len(tokens)-1); err != nil {
			return nil, nil, err
		}
	}
	if err := t.finish(); err != nil {
		return nil, nil, err
	}
	return tokens, t.spans, nil
}

func validText(body string) error {
	if i := strings.IndexByte(body, 0); i >= 0 {
		return &Error{Line: lineAt(body, i), Offset: i, Text: "a zero byte, which is no text"}
	}
	if utf8.ValidString(body) {
		return nil
	}
	for i, r := range body {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(body[i:]); size == 1 {
			return &Error{Line: lineAt(body, i), Offset: i, Text: fmt.Sprintf("byte 0x%02x is not UTF-8", body[i])}
		}
	}
	return nil
}

func lineAt(body string, offset int) int { return 1 + strings.Count(body[:offset], "\n") }

// next cuts one token.
func (s *scanner) next() (Token, error) {
	kind, length, err := s.measure()
	if err != nil {
		return Token{}, err
	}
	t := s.token(kind, length)
	s.remember(t)
	return t, nil
}

func (s *scanner) token(kind Kind, length int) Token {
	t := Token{Kind: kind, Text: s.body[s.pos : s.pos+length], Start: s.pos, Line: s.line}
	s.pos += length
	s.line += strings.Count(t.Text, "\n")
	return t
}

// remember keeps what decides how a quotation mark that follows is read.
func (s *scanner) remember(t Token) {
	switch {
	case t.Kind == Space:
		s.lineBetween = s.lineBetween || strings.ContainsAny(t.Text, "\n\r")
	case t.Kind == Comment && strings.HasPrefix(t.Text, "--"):
	case t.Kind == String || t.Kind == Bits:
		if k := kindOf(t.Text); k != continued {
			s.previous = k
		}
		s.lineBetween = false
	default:
		s.previous, s.lineBetween = standalone, false
	}
}

// measure says what the next token is and how long.
func (s *scanner) measure() (Kind, int, error) {
	rest := s.body[s.pos:]
	c := rest[0]
	switch {
	case isSpace(c):
		return Space, s.spaceLength(rest), nil
	case strings.HasPrefix(rest, "--"):
		return Comment, lineLength(rest), nil
	case strings.HasPrefix(rest, "/*"):
		return s.blockComment(rest)
	case c == '"':
		return s.quotedIdentifier(rest, 1)
	case c == '\'':
		return s.quoted(rest, 1)
	case c == '$':
		return s.dollar(rest)
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return Number, numberLength(rest), nil
	case isIdentStart(c):
		return s.word(rest)
	case strings.IndexByte(operators, c) >= 0:
		return Operator, operatorLength(rest), nil
	}
	_, size := utf8.DecodeRuneInString(rest)
	return Punctuation, size, nil
}

// word is an identifier, or the prefix of a quotation.
func (s *scanner) word(rest string) (Kind, int, error) {
	if len(rest) > 1 && rest[1] == '\'' && strings.IndexByte("eEbBxXnN", rest[0]) >= 0 {
		return s.quoted(rest, 2)
	}
	if len(rest) > 2 && (rest[0] == 'u' || rest[0] == 'U') && rest[1] == '&' {
		switch rest[2] {
		case '\'':
			return s.quoted(rest, 3)
		case '"':
			return s.quotedIdentifier(rest, 3)
		}
	}
	n := 1
	for n < len(rest) && (isIdentStart(rest[n]) || isDigit(rest[n]) || rest[n] == '$') {
		n++
	}
	return Word, n, nil
}

// spaceLength ends at a line end, so that what follows it on the next line can
// be the rows of a COPY.
func (s *scanner) spaceLength(rest string) int {
	for n := 0; n < len(rest); n++ {
		if !isSpace(rest[n]) {
			return n
		}
		if rest[n] == '\n' {
			return n + 1
		}
	}
	return len(rest)
}

func lineLength(rest string) int {
	if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
		return n
	}
	return len(rest)
}

func operatorLength(rest string) int {
	for n := 1; n < len(rest); n++ {
		if strings.IndexByte(operators, rest[n]) < 0 || strings.HasPrefix(rest[n:], "--") || strings.HasPrefix(rest[n:], "/*") {
			return n
		}
	}
	return len(rest)
}

// numberLength takes what every version of the server takes as one number; what
// only newer ones do (0x1F, 1_000) is cut in two, which moves no semicolon.
func numberLength(rest string) int {
	n := digits(rest, 0)
	if n < len(rest) && rest[n] == '.' && !strings.HasPrefix(rest[n:], "..") {
		n = digits(rest, n+1)
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		exponent := n + 1
		if exponent < len(rest) && (rest[exponent] == '+' || rest[exponent] == '-') {
			exponent++
		}
		if end := digits(rest, exponent); end > exponent {
			n = end
		}
	}
	return n
}

func digits(s string, from int) int {
	for from < len(s) && isDigit(s[from]) {
		from++
	}
	return from
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isIdentStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
