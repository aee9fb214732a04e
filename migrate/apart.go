package migrate

import (
	"context"
	"time"
)

// eachStatement runs a file one statement at a time, for who wants to look at what each
// of them did.
func (e *engine) eachStatement(ctx context.Context, f File, a *attempt) error {
	for i := range f.Statements {
		p := f.statementPiece(i)
		started := time.Now()
		if err := e.piece(ctx, &p, a); err != nil {
			return err
		}
		took := time.Since(started)
		a.piece, a.statement = nil, -1 // what fails now is not the file's
		if err := e.stillInside("the file"); err != nil {
			return err
		}
		if err := e.o.AfterStatement(ctx, e.conn, f, i, took); err != nil {
			return err
		}
		if err := e.stillInside("what is done after a statement"); err != nil {
			return err
		}
	}
	return nil
}

// sent runs the i-th statement outside a transaction.
func (w *stepwise) sent(ctx context.Context, i int) error {
	ended, err := w.beforeStatement(ctx, i)
	if err != nil {
		return err
	}
	started := time.Now()
	_, err = simple(ctx, w.conn, w.file.Statements[i].Command)
	w.took = time.Since(started)
	ended()
	return err
}

func (w *stepwise) beforeStatement(ctx context.Context, i int) (func(), error) {
	nothing := func() {}
	if w.o.BeforeStatement == nil {
		return nothing, nil
	}
	ended, err := w.o.BeforeStatement(ctx, w.conn, w.file, i)
	if ended == nil {
		ended = nothing
	}
	return ended, err
}

// afterStatement tells who wants to know that the i-th statement is done.
func (w *stepwise) afterStatement(ctx context.Context, i int) error {
	if w.o.AfterStatement == nil {
		return nil
	}
	return w.o.AfterStatement(ctx, w.conn, w.file, i, w.took)
}
