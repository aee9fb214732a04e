package sqlscan

import "strings"

// stringKind tells how a quotation is read.
type stringKind uint8

const (
	standalone stringKind = iota // no string before this one
	plain                        // '' is the only escape
	escaped                      // backslashes escape as well
	continued                    // as the string before it
)

// kindOf tells how a string that begins like text is read.
func kindOf(text string) stringKind {
	switch text[0] {
	case 'e', 'E':
		return escaped
	case '\'':
		return continued
	case '$':
		return standalone // nothing continues a dollar quotation
	}
	return plain
}

// quoted measures a quotation whose opening, with its prefix, is open bytes long.
func (s *scanner) quoted(rest string, open int) (Kind, int, error) {
	kind := kindOf(rest)
	if kind == continued {
		if s.previous == standalone || !s.lineBetween {
			s.previous = plain
		}
		kind = s.previous
	}
	for n := open; n < len(rest); n++ {
		switch {
		case rest[n] == '\\' && kind == escaped:
			n++
		case rest[n] != '\'':
		case n+1 < len(rest) && rest[n+1] == '\'':
			n++
		default:
			if strings.IndexByte("bBxX", rest[0]) >= 0 {
				return Bits, n + 1, nil
			}
			return String, n + 1, nil
		}
	}
	return 0, 0, s.fail("quotation is never closed")
}

func (s *scanner) quotedIdentifier(rest string, open int) (Kind, int, error) {
	for n := open; n < len(rest); n++ {
		switch {
		case rest[n] != '"':
		case n+1 < len(rest) && rest[n+1] == '"':
			n++
		case n == open:
			return 0, 0, s.fail("an identifier of no characters")
		default:
			return QuotedIdentifier, n + 1, nil
		}
	}
	return 0, 0, s.fail("quoted identifier is never closed")
}

// dollar is a parameter, a dollar quotation, or a stray dollar sign.
func (s *scanner) dollar(rest string) (Kind, int, error) {
	if n := digits(rest, 1); n > 1 {
		return Parameter, n, nil
	}
	n := 1
	for n < len(rest) && (isIdentStart(rest[n]) || n > 1 && isDigit(rest[n])) {
		n++
	}
	if n == len(rest) || rest[n] != '$' {
		return Punctuation, 1, nil
	}
	tag := rest[:n+1]
	end := strings.Index(rest[len(tag):], tag)
	if end < 0 {
		return 0, 0, s.fail("dollar quotation " + tag + " is never closed")
	}
	return String, len(tag) + end + len(tag), nil
}

func (s *scanner) blockComment(rest string) (Kind, int, error) {
	depth := 0
	for n := 0; n+1 < len(rest); n++ {
		switch {
		case rest[n] == '/' && rest[n+1] == '*':
			depth++
			n++
		case rest[n] == '*' && rest[n+1] == '/':
			depth--
			n++
			if depth == 0 {
				return Comment, n + 1, nil
			}
		}
	}
	return 0, 0, s.fail("comment is never closed")
}

// copyData cuts the rows after COPY … FROM stdin; up to and with the line \.
func (s *scanner) copyData() (Token, error) {
	rest := s.body[s.pos:]
	for n := 0; n < len(rest); {
		length := strings.IndexByte(rest[n:], '\n')
		if length < 0 {
			length = len(rest) - n
		}
		if strings.TrimSuffix(rest[n:n+length], "\r") == `\.` {
			return s.token(CopyData, n+2), nil
		}
		n += length + 1
	}
	return Token{}, s.fail(`the rows of COPY … FROM stdin have no end: a line with \. alone`)
}

func (s *scanner) fail(text string) error {
	return &Error{Line: s.line, Offset: s.pos, Text: text}
}
