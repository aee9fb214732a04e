package migrate

import (
	"unicode/utf8"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

// located is the server's error at its place in the file, when it came from there.
func (a attempt) located(f File, answer *pgconn.PgError) *pg.ScriptError {
	base, shifted, ok := a.origin(f, answer)
	if !ok {
		return pg.LocateError("", "", 0, answer)
	}
	return pg.LocateError(f.FileName, f.Body, base, shifted)
}

// origin is where in the file the server's position counts from, and the error
// with a position that does so. ok is false for an error of our own statements.
func (a attempt) origin(f File, answer *pgconn.PgError) (base int, shifted *pgconn.PgError, ok bool) {
	e := *answer
	switch {
	case a.piece == nil:
		return 0, &e, false
	case e.Position > int32(a.shift): // what was sent in front is ASCII: bytes are characters
		e.Position -= int32(a.shift)
		return a.piece.base, &e, true
	case e.Position > 0 || a.statement < 0 || a.statement >= len(f.Statements):
		return 0, answer, false
	}
	// The server names no place, but the statements before it were completed.
	return f.Statements[a.statement].Start, &e, true
}

// place is the failed statement's place in the file, from 0; -1 when it is not known.
func (a attempt) place(f File, err error) int {
	answer := pgError(err)
	if answer == nil {
		return a.statement
	}
	base, shifted, ok := a.origin(f, answer)
	switch {
	case !ok:
		return -1
	case shifted.Position > 0:
		return statementAt(f, base, shifted.Position)
	}
	return a.statement
}

// statementAt is the statement of f at that many characters behind base, -1 for none.
func statementAt(f File, base int, position int32) int {
	offset := base
	for range position - 1 {
		_, size := utf8.DecodeRuneInString(f.Body[offset:])
		offset += size
	}
	for i, st := range f.Statements {
		if offset < st.End {
			return i
		}
	}
	return -1
}
