package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// applyStatements applies a file that cannot run in a transaction: statement by
// statement, each committed by itself and recorded. The dirty mark is committed
// first, as golang-migrate does it, so that no tool takes the file for done.
func (e *engine) applyStatements(ctx context.Context, f File) error {
	e.emit(Event{
		Kind: FileStarted, File: f, Attempt: 1, Statement: -1,
		Text: fmt.Sprintf("%s begins, statement by statement: it cannot run in a transaction", f.ID()),
	})
	e.stale = true
	started := time.Now()
	w := &stepwise{engine: e, file: f, from: e.applied.State.Version}
	if u := e.applied.State.Unfinished; u != nil {
		w.from, w.unfinished = u.From, u
		for i := range u.Statements {
			w.done = append(w.done, i)
		}
		slices.Sort(w.done)
	} else if r := w.markDirty(ctx); r.err != nil {
		return w.notMarked(ctx, r)
	}
	if err := w.run(ctx); err != nil {
		return err
	}
	r := w.markClean(ctx)
	if r.err != nil && !e.cameThrough(ctx, f, &r) {
		return w.stopped(ctx, failure{file: f, err: r.err, attempt: r.last, attempts: r.attempts, blockers: r.blockers, state: r.state})
	}
	if r.last.unrecorded != nil {
		e.note(f, fmt.Sprintf("%s is applied, and not recorded in the ledger: %v", f.ID(), r.last.unrecorded))
	}
	e.done(f, time.Since(started), 1)
	return e.goesOn(ctx, f, r)
}

// stepwise is a file on its way, statement by statement.
type stepwise struct {
	*engine
	file File
	// from is the version before the file.
	from int64
	// unfinished is what an earlier run left; nil when the file begins here.
	unfinished *Unfinished
	// done are the places of the statements that are done.
	done []int
	// index is what the statement at work does to an index, nil for none.
	index *indexStatement
	// dropped are the INVALID indexes that were taken away.
	dropped []string
	// took is how long the statement at work took, the last time it was tried.
	took time.Duration
	// bare leaves the version row alone: somebody else keeps it.
	bare bool
	// unmarked says that the ledger could not be told how far the file is.
	unmarked bool
}

// markDirty commits the dirty mark, and in the ledger what it means.
func (w *stepwise) markDirty(ctx context.Context) result {
	s := w.applied.State
	tx := transaction{
		file: w.file, fromVersion: s.Version, fromDirty: s.Dirty, version: w.file.After, dirty: true, before: w.o.Before,
	}
	if w.o.Ledger != nil {
		tx.record = func(ctx context.Context, conn *pgx.Conn, _ time.Duration) error {
			if err := w.o.Ledger.Forget(ctx, conn, w.file); err != nil {
				return err
			}
			return w.o.Ledger.Mark(ctx, conn, w.file, Mark{Index: -1, From: w.from})
		}
	}
	r := w.persist(ctx, tx)
	if r.err == nil {
		w.at(w.file.After, true)
		if r.last.unrecorded != nil {
			w.cannotMark(r.last.unrecorded)
		}
	}
	return r
}

// notMarked ends a file that was not begun, unless the mark was committed when the
// connection broke.
func (w *stepwise) notMarked(ctx context.Context, r result) error {
	f := failure{file: w.file, err: r.err, attempt: r.last, attempts: r.attempts, blockers: r.blockers}
	if r.last.committing && w.lost() {
		state, err := w.truth(ctx)
		f.state = &verdict{state: state, err: err}
		if err == nil && state.Dirty && state.Version == w.file.After {
			return w.partly(ctx, f)
		}
	}
	return w.failed(ctx, f)
}

// markClean commits the version row and the record of the file.
func (w *stepwise) markClean(ctx context.Context) result {
	tx := transaction{
		file: w.file, fromVersion: w.file.After, fromDirty: true, version: w.file.After, beforeCommit: w.o.BeforeCommit,
	}
	if w.o.Ledger != nil {
		tx.record = func(ctx context.Context, conn *pgx.Conn, took time.Duration) error {
			if err := w.o.Ledger.RecordFile(ctx, conn, w.file, took); err != nil {
				return err
			}
			return w.o.Ledger.Forget(ctx, conn, w.file)
		}
	}
	return w.persist(ctx, tx)
}

// undoMark goes back to the version before: nothing of the file is done.
func (w *stepwise) undoMark(ctx context.Context) error {
	tx := transaction{file: w.file, fromVersion: w.file.After, fromDirty: true, version: w.from}
	if w.o.Ledger != nil {
		tx.record = func(ctx context.Context, conn *pgx.Conn, _ time.Duration) error {
			return w.o.Ledger.Forget(ctx, conn, w.file)
		}
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	r := w.persist(limited, tx)
	if r.err == nil {
		w.at(w.from, false)
	}
	return r.err
}

// run runs every statement that is not done.
func (w *stepwise) run(ctx context.Context) error {
	if _, err := simple(ctx, w.conn, w.timeouts(w.o.LockTimeout)); err != nil {
		return w.stopped(ctx, failure{file: w.file, err: err, attempt: attempt{statement: -1}})
	}
	for i := range w.file.Statements {
		if slices.Contains(w.done, i) {
			continue
		}
		if err := w.mayGoOn(ctx, i); err != nil {
			return err
		}
		if err := w.step(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (w *stepwise) timeouts(lock time.Duration) string {
	return fmt.Sprintf("SET lock_timeout = %d;SET statement_timeout = %d", lock.Milliseconds(), w.o.StatementTimeout.Milliseconds())
}

// mayGoOn stops between two statements.
func (w *stepwise) mayGoOn(ctx context.Context, i int) error {
	err := ctx.Err()
	select {
	case <-w.o.LockLost:
		err = errLockLost
	default:
	}
	if err == nil {
		return nil
	}
	return w.stopped(ctx, failure{file: w.file, err: err, attempt: attempt{statement: i}})
}

// mark tells the ledger about a statement. That it cannot be told is said once.
func (w *stepwise) mark(ctx context.Context, i int, step MarkStep) {
	if w.o.Ledger == nil || w.unmarked {
		return
	}
	m := Mark{Index: i, SHA256: checksum(w.file.Statements[i].Text), Step: step}
	if err := w.commitMark(ctx, m); err != nil && ctx.Err() == nil && !w.lost() {
		w.cannotMark(err)
	}
}

// commitMark writes a mark in a transaction of its own, whose timeouts are not those
// of the file's statements.
func (w *stepwise) commitMark(ctx context.Context, m Mark) error {
	_, err := simple(ctx, w.conn, fmt.Sprintf("BEGIN;SET LOCAL lock_timeout = %d;SET LOCAL statement_timeout = %d",
		w.o.LockTimeout.Milliseconds(), cleanUp.Milliseconds()))
	if err == nil {
		err = w.o.Ledger.Mark(ctx, w.conn, w.file, m)
	}
	if err == nil {
		_, err = simple(ctx, w.conn, "COMMIT")
	}
	if err != nil {
		w.rollBack(ctx)
	}
	return err
}

func (w *stepwise) cannotMark(err error) {
	w.unmarked = true
	w.note(w.file, fmt.Sprintf("how far %s is cannot be recorded, so it cannot be resumed: %v", w.file.ID(), err))
}
