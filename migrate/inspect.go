package migrate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

const (
	byteOrderMark = "\ufeff"
	noStatement   = "holds no statement"
)

// inspect takes the file's SQL apart and finds what would not run, or would not
// run as one transaction.
func (s *Source) inspect(f *File) {
	f.Transactional = true
	if text, fix := notText(f.Body); text != "" {
		s.problem(*f, 0, text, fix)
		return
	}
	statements, err := sqlscan.Split(f.Body)
	if err != nil {
		line := 0
		var at *sqlscan.Error
		if errors.As(err, &at) {
			line, err = at.Line, errors.New(at.Text)
		}
		s.problem(*f, line, err.Error(), "mend it; the file must be SQL in UTF-8")
		return
	}
	f.Statements = statements
	f.strip()
	if len(f.Statements) == 0 {
		s.problem(*f, 0, noStatement, "write what it should do; SELECT 1; when it is meant to do nothing")
		return
	}
	s.inspectCommands(f)
	s.inspectTransaction(f)
}

// notText finds what cannot be SQL for PostgreSQL in UTF-8.
func notText(body string) (text, fix string) {
	switch {
	case strings.HasPrefix(body, byteOrderMark):
		return "begins with a byte order mark, which the server takes for a part of the first word", "save it as UTF-8 without a byte order mark"
	case strings.HasPrefix(body, "\xff\xfe"), strings.HasPrefix(body, "\xfe\xff"):
		return "is UTF-16, not UTF-8", "save it as UTF-8"
	}
	return "", ""
}

// inspectCommands finds commands of psql, which no server understands.
func (s *Source) inspectCommands(f *File) {
	for _, st := range f.Statements {
		for i, t := range st.Tokens {
			if !t.IsPunct(`\`) {
				continue
			}
			command := `\`
			if i+1 < len(st.Tokens) && st.Tokens[i+1].Start == t.End() {
				command += st.Tokens[i+1].Text
			}
			s.problem(*f, t.Line, command+" is a command of psql, not SQL", "write the SQL itself into the file")
			return
		}
	}
}

// inspectTransaction finds transaction control, and decides whether the file
// runs in a transaction.
func (s *Source) inspectTransaction(f *File) {
	alone, together := -1, -1
	for i, st := range f.Statements {
		if st.ControlsTransaction() {
			s.transactionProblem(f, st.Line, strings.Join(st.Words, " ")+" would end the transaction that the file and its version row share",
				"take it out; one BEGIN at the beginning and one COMMIT at the end are understood")
			return
		}
		switch reason := cannotRunInTransaction(st); {
		case reason != "" && alone < 0:
			alone, f.NonTransactionalReason = i, fmt.Sprintf("%s (line %d)", reason, st.Line)
		case reason == "" && !f.sessionStatement(i) && together < 0:
			together = i
		}
	}
	if alone < 0 {
		return
	}
	f.Transactional = false
	st := f.Statements[alone]
	switch {
	case f.Stripped:
		s.transactionProblem(f, st.Line, f.NonTransactionalReason+" cannot run between BEGIN and COMMIT", "take BEGIN and COMMIT out")
	case together >= 0:
		s.transactionProblem(f, st.Line, fmt.Sprintf("%s cannot run in a transaction, and the statement on line %d should",
			f.NonTransactionalReason, f.Statements[together].Line), "put it into a file of its own")
	}
}

func (s *Source) transactionProblem(f *File, line int, text, fix string) {
	s.problem(*f, line, text, fix)
	s.Problems[len(s.Problems)-1].ID = FilesTransaction
}

// strip takes out one outer BEGIN … COMMIT: the engine brings its own.
func (f *File) strip() {
	n := len(f.Statements)
	if n < 2 {
		return
	}
	modes, ok := beginModes(f.Statements[0])
	if !ok || !endsPlainly(f.Statements[n-1]) {
		return
	}
	f.modes, f.Stripped = modes, true
	f.Statements = f.Statements[1 : n-1]
}

// beginModes returns the transaction modes of a BEGIN; ok is false when the
// statement is none, or one whose transaction could not hold a version row.
func beginModes(st sqlscan.Statement) (modes string, ok bool) {
	words := st.Words
	switch {
	case st.Begins("BEGIN"):
		words = words[1:]
		if len(words) > 0 && (words[0] == "WORK" || words[0] == "TRANSACTION") {
			words = words[1:]
		}
	case st.Begins("START", "TRANSACTION"):
		words = words[2:]
	default:
		return "", false
	}
	var parts []string
	for _, t := range st.Tokens[len(st.Words)-len(words):] {
		if t.Kind != sqlscan.Word && !t.IsPunct(",") {
			return "", false
		}
		parts = append(parts, strings.ToUpper(t.Text))
	}
	modes = strings.Join(parts, " ")
	return modes, !strings.Contains(modes, "READ ONLY")
}

// endsPlainly reports whether the statement commits, and no more than that.
func endsPlainly(st sqlscan.Statement) bool {
	if len(st.Words) != len(st.Tokens) || !st.Begins("COMMIT") && !st.Begins("END") {
		return false
	}
	switch strings.Join(st.Words[1:], " ") {
	case "", "WORK", "TRANSACTION", "AND NO CHAIN", "WORK AND NO CHAIN", "TRANSACTION AND NO CHAIN":
		return true
	}
	return false
}
