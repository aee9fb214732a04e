package sqlscan

import "strings"

// span is a statement as indices into the tokens.
type span struct {
	first, last int
	// command is the last token of what is sent to the server, the same as last
	// but for COPY with its rows, where last is the rows' token and data is set.
	command int
	data    bool
}

// tracker finds where statements end. A semicolon inside parentheses (CREATE
// RULE … DO (…; …)) or inside BEGIN ATOMIC … END ends none.
type tracker struct {
	spans []span

	first, last int
	begun       bool
	words       []Token // the first few tokens of the statement
	previous    Token
	parens      int
	opened      Token // the parenthesis that is open longest
	atomic      int   // BEGIN ATOMIC and, inside it, CASE: what waits for its END
	body        Token // the BEGIN of BEGIN ATOMIC
	copies      bool  // COPY … FROM stdin
	// rowsDue is set between the semicolon of COPY and the rows, dataNext when
	// the next byte is the rows' first.
	rowsDue, dataNext bool
}

// take looks at the next token, the i-th.
func (t *tracker) take(next Token, i int) error {
	switch {
	case next.Kind == Space:
		t.dataNext = t.rowsDue && strings.HasSuffix(next.Text, "\n")
		return nil
	case next.Kind == Comment && !(t.rowsDue && strings.Contains(next.Text, "\n")):
		return nil
	case t.rowsDue:
		return &Error{Line: next.Line, Offset: next.Start, Text: "the rows of COPY … FROM stdin begin on the line after it; this stands between"}
	case next.IsPunct(";") && t.parens == 0 && t.atomic == 0:
		t.end()
		return nil
	}
	if !t.begun {
		t.begun, t.first = true, i
	}
	t.last = i
	t.look(next)
	return nil
}

// look keeps count of what is open.
func (t *tracker) look(next Token) {
	if len(t.words) < 4 {
		t.words = append(t.words, next)
	}
	before := t.previous
	t.previous = next
	switch {
	case next.IsPunct("("):
		if t.parens == 0 {
			t.opened = next
		}
		t.parens++
	case next.IsPunct(")"):
		t.parens = max(0, t.parens-1)
	case next.Kind != Word || t.parens > 0:
	case next.Is("STDIN"):
		t.copies = t.copies || before.Is("FROM") && t.words[0].Is("COPY")
	case before.IsPunct(".") || before.Is("AS"): // a column may be called end
	case next.Is("ATOMIC") && before.Is("BEGIN") && t.atomic == 0 && t.makesRoutine():
		t.atomic, t.body = 1, before
	case next.Is("CASE") && t.atomic > 0:
		t.atomic++
	case next.Is("END") && t.atomic > 0:
		t.atomic--
	}
}

// makesRoutine reports whether the statement is CREATE [OR REPLACE] FUNCTION or
// PROCEDURE, which alone have bodies that are not quoted.
func (t *tracker) makesRoutine() bool {
	w := t.words
	if !w[0].Is("CREATE") || len(w) < 4 {
		return false
	}
	kind := w[1]
	if w[1].Is("OR") && w[2].Is("REPLACE") {
		kind = w[3]
	}
	return kind.Is("FUNCTION") || kind.Is("PROCEDURE")
}

// end closes the statement at its semicolon; one of no tokens is none.
func (t *tracker) end() {
	if t.copies {
		t.rowsDue = true
		return
	}
	if t.begun {
		t.spans = append(t.spans, span{first: t.first, last: t.last, command: t.last})
	}
	t.reset()
}

// data closes a COPY with its rows, the i-th token.
func (t *tracker) data(i int) {
	t.spans = append(t.spans, span{first: t.first, last: i, command: t.last, data: true})
	t.reset()
}

func (t *tracker) reset() { *t = tracker{spans: t.spans} }

// finish closes the last statement, which needs no semicolon.
func (t *tracker) finish() error {
	switch {
	case t.copies:
		return &Error{Line: t.words[0].Line, Offset: t.words[0].Start, Text: "COPY … FROM stdin without rows behind it"}
	case t.parens > 0:
		return &Error{Line: t.opened.Line, Offset: t.opened.Start, Text: "parenthesis is never closed"}
	case t.atomic > 0:
		return &Error{Line: t.body.Line, Offset: t.body.Start, Text: "BEGIN ATOMIC has no END"}
	}
	t.end()
	return nil
}
