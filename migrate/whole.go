package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// applyWhole applies a file in one transaction.
func (e *engine) applyWhole(ctx context.Context, f File) error {
	e.emit(Event{Kind: FileStarted, File: f, Attempt: 1, Statement: -1, Text: f.ID() + " begins"})
	s := e.applied.State
	tx := transaction{
		file: f, pieces: f.pieces(), modes: f.modes,
		fromVersion: s.Version, fromDirty: s.Dirty, version: f.After,
		before: e.o.Before, beforeCommit: e.o.BeforeCommit,
	}
	if e.o.Ledger != nil {
		tx.record = func(ctx context.Context, conn *pgx.Conn, took time.Duration) error {
			return e.o.Ledger.RecordFile(ctx, conn, f, took)
		}
	}
	started := time.Now()
	r := e.persist(ctx, tx)
	switch {
	case r.err == nil:
	case !e.o.Whole && runsAlone(f, r.err):
		e.note(f, fmt.Sprintf("%s cannot run in a transaction, as the server says; it runs outside one", f.FileName))
		return e.applyStatements(ctx, f)
	case e.cameThrough(ctx, f, &r):
	default:
		return e.failed(ctx, failure{file: f, err: r.err, attempt: r.last, attempts: r.attempts, blockers: r.blockers, state: r.state})
	}
	if r.last.unrecorded != nil {
		e.note(f, fmt.Sprintf("%s is applied, and not recorded in the ledger: %v", f.ID(), r.last.unrecorded))
	}
	e.done(f, time.Since(started), r.attempts)
	return e.goesOn(ctx, f, r)
}

// runsAlone reports whether the server refused a file inside a transaction that is
// nothing but the one statement it refused: a procedure or a DO block that commits,
// REINDEX of a partitioned table. Nothing of it is applied then.
func runsAlone(f File, err error) bool {
	return refusedInTransaction(err) && f.mayRunAlone()
}

// refusedInTransaction reports whether the server said that something cannot be done in
// the transaction it was in.
func refusedInTransaction(err error) bool {
	code := pgErrorCode(err)
	return code == "25001" || code == "2D000" // active_sql_transaction, invalid_transaction_termination
}

// mayRunAlone reports whether the file is one statement that can do without a transaction
// of ours, should the server ask for that.
func (f File) mayRunAlone() bool {
	return len(f.Statements) == 1 && !f.Stripped && !f.Statements[0].HasRows && !f.sessionStatement(0)
}

// cameThrough finds out, where the connection broke while COMMIT was under way,
// that the commit was done. The state it read is kept for the failure otherwise.
func (e *engine) cameThrough(ctx context.Context, f File, r *result) bool {
	if !r.last.committing || !e.lost() {
		return false
	}
	state, err := e.truth(ctx)
	r.state = &verdict{state: state, err: err}
	return err == nil && state.Version == f.After && !state.Dirty
}

// goesOn ends the run when the connection was lost over a file that turned out to
// be committed: whoever ended it may have meant the run, and the lock may be gone.
func (e *engine) goesOn(ctx context.Context, f File, r result) error {
	if r.err == nil {
		return nil
	}
	if e.index == len(e.plan.Files)-1 {
		e.note(f, fmt.Sprintf("the connection was lost while %s was being committed; it is committed", f.ID()))
		return nil
	}
	return e.failed(ctx, failure{file: f, err: r.err, state: r.state, committed: true})
}
