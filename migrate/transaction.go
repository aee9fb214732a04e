package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// transaction is everything that is committed at once: a whole file, or the
// version row and the marks before and after one that runs statement by statement.
type transaction struct {
	file   File
	pieces []piece
	modes  string
	// fromVersion and fromDirty are what the version row must say before.
	fromVersion int64
	fromDirty   bool
	// version and dirty are what it says after.
	version int64
	dirty   bool
	// bare leaves the version row alone: somebody else keeps it.
	bare bool

	before, beforeCommit Hook
	// record writes to the ledger; nil for nothing.
	record func(context.Context, *pgx.Conn, time.Duration) error
}

// attempt is one try of a transaction, and where it came to grief.
type attempt struct {
	// took is the time until the file's statements were done.
	took time.Duration
	// piece and statement are what was running, nil and -1 outside the file.
	piece     *piece
	statement int
	// shift is how many bytes of our own were sent in front of the piece.
	shift int
	// committing says that COMMIT was sent: without an answer, the outcome is not known.
	committing bool
	// unrecorded is why the ledger has no record of it.
	unrecorded error
}

// errCommit is a COMMIT that did not commit.
var errCommit = errors.New("the server answered COMMIT with ROLLBACK")

// endedError is a file, or a hook, that ended the transaction it runs in.
type endedError struct{ what string }

func (e *endedError) Error() string {
	return e.what + " ended the transaction it runs in; what it did until then is committed"
}

// movedError is a version row that somebody else changed.
type movedError struct{ found string }

func (e *movedError) Error() string {
	return "the version row is not what it was: another program migrates this database (" + e.found + ")"
}

// run tries the transaction once. After an error nothing of it is left, unless
// the attempt was committing when the connection broke.
func (e *engine) run(ctx context.Context, tx transaction) (attempt, error) {
	a := attempt{statement: -1}
	started := time.Now()
	err := e.tryRun(ctx, tx, &a, started)
	if err != nil {
		e.rollBack(ctx)
	}
	return a, err
}

func (e *engine) tryRun(ctx context.Context, tx transaction, a *attempt, started time.Time) error {
	if err := e.statements(ctx, tx, a); err != nil {
		return err
	}
	a.piece, a.statement = nil, -1
	a.took = time.Since(started)
	if err := e.stillInside("the file"); err != nil {
		return err
	}
	ours := e.ownRole(tx.file)
	if !tx.bare {
		ours += e.applied.State.versionRowSQL(tx.version, tx.dirty)
	}
	if tx.record == nil && tx.beforeCommit == nil {
		return e.commit(ctx, ours, a)
	}
	if tx.record != nil {
		ours += "SAVEPOINT clipperops_record;"
	}
	if _, err := simple(ctx, e.conn, ours); err != nil {
		return err
	}
	if tx.record != nil {
		if err := e.record(ctx, tx, a); err != nil {
			return err
		}
	}
	if tx.beforeCommit != nil {
		if err := tx.beforeCommit(ctx, e.conn, tx.file); err != nil {
			return err
		}
		if err := e.stillInside("what is done before the commit"); err != nil {
			return err
		}
	}
	return e.commit(ctx, "", a)
}

// statements begins the transaction and runs the file in it. Where nothing has to
// happen in between, both are one message to the server.
func (e *engine) statements(ctx context.Context, tx transaction, a *attempt) error {
	opening, row := e.opening(tx)
	rest := tx.pieces
	apart := e.o.AfterStatement != nil && len(rest) > 0
	together := tx.before == nil && !apart && len(rest) > 0 && !rest[0].copy
	message := opening
	if together {
		message += rest[0].sql
		a.piece, a.shift = &rest[0], len(opening)
		rest = rest[1:]
	}
	result, err := simple(ctx, e.conn, message, row)
	if err != nil {
		if done := len(result.tags) - (row + 1); together && done >= 0 {
			a.statement = a.piece.first + done
		}
		return err
	}
	if err := tx.startsFrom(result.rows[row]); err != nil && !tx.bare {
		return err
	}
	if tx.before != nil {
		if err := tx.before(ctx, e.conn, tx.file); err != nil {
			return err
		}
		if err := e.stillInside("what is done before the file"); err != nil {
			return err
		}
	}
	if apart {
		return e.eachStatement(ctx, tx.file, a)
	}
	for i := range rest {
		if err := e.piece(ctx, &rest[i], a); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) piece(ctx context.Context, p *piece, a *attempt) error {
	a.piece, a.shift, a.statement = p, 0, p.first
	if p.copy {
		return copyRows(ctx, e.conn, *p)
	}
	result, err := simple(ctx, e.conn, p.sql)
	a.statement = p.first + len(result.tags)
	return err
}

// opening begins the transaction under our own timeouts, and reads the version row
// last: row is the place of that statement. The row is locked, so that a migrator
// that lost its lock, or never took one, waits.
func (e *engine) opening(tx transaction) (sql string, row int) {
	s := e.applied.State
	statements := []string{
		strings.TrimSpace("BEGIN " + tx.modes),
		fmt.Sprintf("SET LOCAL lock_timeout = %d", e.o.LockTimeout.Milliseconds()),
		fmt.Sprintf("SET LOCAL statement_timeout = %d", e.o.StatementTimeout.Milliseconds()),
	}
	if tx.bare {
		return strings.Join(statements, ";") + ";", len(statements) - 1
	}
	if !s.Table {
		statements = append(statements, s.createTableSQL())
	}
	statements = append(statements, "SELECT version, dirty FROM "+s.table()+" FOR UPDATE")
	return strings.Join(statements, ";") + ";", len(statements) - 1
}

// startsFrom checks that the version row says what the transaction goes on from.
func (tx transaction) startsFrom(rows [][]string) error {
	found := "no version"
	for i, row := range rows {
		if i > 0 {
			found += " and "
		} else {
			found = ""
		}
		found += "version " + row[0]
		if row[1] == "t" {
			found += " dirty"
		}
	}
	expected := "no version"
	if tx.fromVersion >= 0 || tx.fromDirty {
		expected = fmt.Sprintf("version %d", tx.fromVersion)
	}
	if tx.fromDirty {
		expected += " dirty"
	}
	if found != expected {
		return &movedError{found: found}
	}
	return nil
}

// record writes to the ledger behind a savepoint: the migration does not depend on it.
func (e *engine) record(ctx context.Context, tx transaction, a *attempt) error {
	err := tx.record(ctx, e.conn, a.took)
	if err == nil && e.conn.PgConn().TxStatus() == 'T' {
		return nil
	}
	if e.lost() || ctx.Err() != nil {
		return pg.Cause(ctx, err)
	}
	a.unrecorded = err
	_, err = simple(ctx, e.conn, "ROLLBACK TO SAVEPOINT clipperops_record")
	return err
}

// commit sends what is left and COMMIT, and believes nothing but the word COMMIT.
func (e *engine) commit(ctx context.Context, before string, a *attempt) error {
	a.committing = true
	result, err := simple(ctx, e.conn, before+"COMMIT")
	if err != nil {
		return err
	}
	if result.last() != "COMMIT" {
		return errCommit
	}
	return nil
}

// ownRole goes back to the role we came with, which a file may have left.
func (e *engine) ownRole(f File) string {
	if !f.changesSession() {
		return ""
	}
	// In this order: the first forgets a role that ALTER ROLE … SET role gave.
	return "RESET SESSION AUTHORIZATION;RESET ROLE;"
}

// stillInside makes sure that the transaction we began is the one we are in.
func (e *engine) stillInside(what string) error {
	switch e.conn.PgConn().TxStatus() {
	case 'T':
		return nil
	case 'E':
		return fmt.Errorf("%s left the transaction failed", what)
	}
	return &endedError{what: what}
}

// lost reports whether the connection is of no more use.
func (e *engine) lost() bool { return e.conn.PgConn().IsClosed() }

// rollBack leaves no transaction open, also when ctx is done.
func (e *engine) rollBack(ctx context.Context) {
	if e.lost() || e.conn.PgConn().TxStatus() == 'I' {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if _, err := simple(limited, e.conn, "ROLLBACK"); err != nil {
		closeConn(ctx, e.conn) // the server rolls back when the session ends
	}
}
