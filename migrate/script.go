package migrate

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// piece is a part of a file that is sent at once: statements as one simple
// query, or one COPY with its rows.
type piece struct {
	sql string
	// base is where sql begins in the file, in bytes.
	base int
	// first is the place of its first statement in the file.
	first int
	rows  string
	copy  bool
}

// pieces cuts a file at its COPY … FROM stdin statements; mostly it is one piece.
func (f File) pieces() []piece {
	var all []piece
	flush := func(from, to int) {
		if from < to {
			a, z := f.Statements[from], f.Statements[to-1]
			all = append(all, piece{sql: f.Body[a.Start:z.End], base: a.Start, first: from})
		}
	}
	from := 0
	for i, st := range f.Statements {
		if st.HasRows {
			flush(from, i)
			all = append(all, piece{sql: st.Command, base: st.Start, first: i, rows: st.Rows, copy: true})
			from = i + 1
		}
	}
	flush(from, len(f.Statements))
	return all
}

// statementPiece is the i-th statement alone.
func (f File) statementPiece(i int) piece {
	st := f.Statements[i]
	return piece{sql: st.Command, base: st.Start, first: i, rows: st.Rows, copy: st.HasRows}
}

// answer is what a simple query of several statements came to: the tags of the
// statements that were completed, and the rows of those asked for.
type answer struct {
	tags []string
	rows map[int][][]string
}

// last is the tag of the last completed statement.
func (a answer) last() string {
	if len(a.tags) == 0 {
		return ""
	}
	return a.tags[len(a.tags)-1]
}

// simple sends sql as one simple query. The statements before the one that fails
// are in the answer.
func simple(ctx context.Context, conn *pgx.Conn, sql string, keep ...int) (answer, error) {
	a := answer{rows: map[int][][]string{}}
	results := conn.PgConn().Exec(ctx, sql)
	for results.NextResult() {
		r, at := results.ResultReader(), len(a.tags)
		for r.NextRow() {
			for _, k := range keep {
				if k == at {
					a.rows[at] = append(a.rows[at], textRow(r.Values()))
				}
			}
		}
		tag, err := r.Close()
		if err != nil {
			break // Close returns it
		}
		a.tags = append(a.tags, tag.String())
	}
	return a, lostOr(conn, results.Close())
}

// lostError is a connection that ended without the server saying why.
type lostError struct{ err error }

func (e *lostError) Error() string {
	if errors.Is(e.err, pgconn.ErrConnClosed) { // pgx forgets what it met when it peeked
		return "the connection to the server was lost"
	}
	return "the connection to the server was lost: " + e.err.Error()
}

func (e *lostError) Unwrap() error { return e.err }

func lostOr(conn *pgx.Conn, err error) error {
	if err == nil || pgError(err) != nil || !conn.PgConn().IsClosed() {
		return err
	}
	return &lostError{err: err}
}

// ConnectionLost reports whether the error is a connection that ended without the server
// saying why. What was under way may then be done or not.
func ConnectionLost(err error) bool {
	var lost *lostError
	return errors.As(err, &lost)
}

func textRow(values [][]byte) []string {
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = string(v)
	}
	return row
}

// copyRows sends a COPY … FROM stdin with its rows.
func copyRows(ctx context.Context, conn *pgx.Conn, p piece) error {
	_, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(p.rows), p.sql)
	return lostOr(conn, err)
}

// changesSession reports whether a file may leave the session other than it found
// it: the file behind it then gets a new one, as it would from a run of its own.
func (f File) changesSession() bool {
	for _, st := range f.Statements {
		if leavesTraces(st) {
			return true
		}
	}
	return false
}

func leavesTraces(st sqlscan.Statement) bool {
	if len(st.Words) == 0 {
		return true // a query in parentheses
	}
	switch st.Words[0] {
	case "SET": // LOCAL as well: our own statements are to run under our own role
		return !st.Begins("SET", "CONSTRAINTS") && !st.Begins("SET", "TRANSACTION")
	case "ALTER", "COMMENT", "COPY", "DELETE", "DROP", "GRANT", "INSERT", "REVOKE", "TRUNCATE", "UPDATE", "VACUUM", "REINDEX", "ANALYZE":
		return false
	case "CREATE":
		return madeForTheSession(st)
	}
	return true // SELECT set_config(…), DO, CALL, RESET, LISTEN, PREPARE, …
}

// madeForTheSession reports whether a CREATE makes something temporary, which hides what
// has the same name from whoever comes later: CREATE TEMP …, CREATE OR REPLACE LOCAL
// TEMPORARY …, or into pg_temp.
func madeForTheSession(st sqlscan.Statement) bool {
	return hasName(st, "pg_temp") || slices.ContainsFunc(st.Words, func(word string) bool {
		return word == "TEMP" || word == "TEMPORARY"
	})
}
