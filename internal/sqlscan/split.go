package sqlscan

import "strings"

// Statement is one SQL statement and where it stands.
type Statement struct {
	// Text is the statement without the semicolon that ends it and without the
	// comments around it; of COPY … FROM stdin it is everything, the rows and the
	// line \. included. It is the input's bytes from Start to End.
	Text       string
	Start, End int
	// Line is the statement's first, from 1.
	Line int
	// Words are the words the statement begins with, up to the first token that is
	// none, in upper case: CREATE UNIQUE INDEX CONCURRENTLY IDX_A ON T.
	Words []string
	// Tokens are the statement's tokens without white space and comments, and
	// without COPY's rows.
	Tokens []Token
	// Command is what is sent to the server: Text, but for COPY … FROM stdin.
	Command string
	// HasRows is set for COPY … FROM stdin, Rows is what is sent after it.
	HasRows bool
	Rows    string
}

// Split returns the statements of body in order. A semicolon with nothing in
// front of it makes none. The error is an *Error.
func Split(body string) ([]Statement, error) {
	tokens, spans, err := scan(body)
	if err != nil {
		return nil, err
	}
	statements := make([]Statement, 0, len(spans))
	for _, s := range spans {
		statements = append(statements, statementOf(body, tokens, s))
	}
	return statements, nil
}

func statementOf(body string, tokens []Token, s span) Statement {
	st := Statement{
		Start: tokens[s.first].Start,
		End:   tokens[s.last].End(),
		Line:  tokens[s.first].Line,
	}
	st.Text = body[st.Start:st.End]
	st.Command = body[st.Start:tokens[s.command].End()]
	if s.data {
		st.HasRows = true
		st.Rows = strings.TrimSuffix(tokens[s.last].Text, `\.`)
	}
	for _, t := range tokens[s.first : s.command+1] {
		if t.Kind != Space && t.Kind != Comment {
			st.Tokens = append(st.Tokens, t)
		}
	}
	for _, t := range st.Tokens {
		if t.Kind != Word {
			break
		}
		st.Words = append(st.Words, strings.ToUpper(t.Text))
	}
	return st
}

// Begins reports whether the statement begins with these words, given in upper case.
func (s Statement) Begins(words ...string) bool {
	if len(s.Words) < len(words) {
		return false
	}
	for i, w := range words {
		if s.Words[i] != w {
			return false
		}
	}
	return true
}

// ControlsTransaction reports whether the statement begins, ends or divides a
// transaction.
func (s Statement) ControlsTransaction() bool {
	for _, words := range [][]string{
		{"BEGIN"},
		{"START", "TRANSACTION"},
		{"COMMIT"},
		{"END"},
		{"ROLLBACK"},
		{"ABORT"},
		{"SAVEPOINT"},
		{"RELEASE"},
		{"PREPARE", "TRANSACTION"},
	} {
		if s.Begins(words...) {
			return true
		}
	}
	return false
}
