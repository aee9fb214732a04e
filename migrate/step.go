package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// step runs the i-th statement until it is done, fails for good, or has not got its
// locks for as long as the options say.
func (w *stepwise) step(ctx context.Context, i int) error {
	index := concurrentIndex(w.file.Statements[i])
	w.index = index
	if w.file.sessionStatement(i) {
		started := time.Now()
		_, err := simple(ctx, w.conn, w.file.Statements[i].Command)
		w.took = time.Since(started)
		if err == nil {
			err = w.afterStatement(ctx, i)
		}
		if err != nil {
			return w.stopped(ctx, w.failure(i, result{err: err, attempts: 1}))
		}
		return nil
	}
	if w.unfinished != nil && w.unfinished.Started == i {
		settled, err := w.settle(ctx, i, index)
		if err != nil {
			return w.stopped(ctx, w.failure(i, result{err: err, attempts: 1}))
		}
		if settled {
			return nil
		}
	}
	started := time.Now()
	r := w.attempts(ctx, i, index)
	if r.err != nil {
		return w.stopped(ctx, w.failure(i, r))
	}
	w.finished(ctx, i)
	if err := w.afterStatement(ctx, i); err != nil {
		return w.stopped(ctx, failure{file: w.file, err: err, attempt: attempt{statement: -1}})
	}
	w.emit(Event{
		Kind: StatementDone, File: w.file, Attempt: r.attempts, Statement: i, Took: time.Since(started),
		Text: fmt.Sprintf("%s statement %d of %d done", w.file.ID(), i+1, len(w.file.Statements)),
	})
	return nil
}

// finished notes a statement that is done, also when ctx is.
func (w *stepwise) finished(ctx context.Context, i int) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	w.mark(limited, i, StatementFinished)
	w.done = append(w.done, i)
}

func (w *stepwise) failure(i int, r result) failure {
	p := w.file.statementPiece(i)
	return failure{
		file: w.file, err: r.err, attempts: r.attempts, blockers: r.blockers,
		attempt: attempt{piece: &p, statement: i},
	}
}

// attempts runs the statement, giving way to others as persist does. What a failed
// attempt left behind is taken away before the next.
func (w *stepwise) attempts(ctx context.Context, i int, index *indexStatement) result {
	var r result
	var seen sighting
	var until time.Time
	for {
		r.attempts++
		w.mark(ctx, i, StatementStarted)
		now, err := w.once(ctx, i, r.attempts, index)
		seen = now.orElse(seen)
		r.err, r.blockers = err, now.blockers
		if w.givesWay(err) {
			r.blockers = seen.blockers
		}
		if err == nil {
			return r
		}
		if until.IsZero() {
			until = time.Now().Add(w.o.RetryFor)
		}
		if !w.givesWay(err) || ctx.Err() != nil {
			return r
		}
		if err := w.sweep(ctx, index); err != nil {
			return r
		}
		if !w.waitToRetry(ctx, w.file, i, r, seen, until) {
			return r
		}
	}
}

// once runs the statement once.
func (w *stepwise) once(ctx context.Context, i, attempt int, index *indexStatement) (sighting, error) {
	if err := w.readyFor(ctx, index); err != nil {
		return sighting{}, err
	}
	running, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	stop := w.watch.over(w.file, i, attempt, abandon)
	err := w.sent(running, i)
	seen := stop()
	err = seen.gaveWay(err)
	if cause := context.Cause(running); err != nil && ctx.Err() == nil && errors.Is(cause, errWaitsForUs) {
		err = errWaitsForUs
	}
	if index != nil {
		err = w.outcome(ctx, index, err)
	}
	return seen, err
}

// outcome looks at the index itself: an interruption may come when the work is just
// done, and IF NOT EXISTS is content with an INVALID index of that name.
func (w *stepwise) outcome(ctx context.Context, index *indexStatement, err error) error {
	if w.lost() || index.name.Name == "" || index.verb == rebuilds {
		return err
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	now, failed := w.find(limited, index)
	switch {
	case failed != nil:
		return errors.Join(err, failed)
	case index.verb == createsIndex && now.there && !now.valid && err == nil:
		return fmt.Errorf("an INVALID index %s stands there from an earlier attempt, and IF NOT EXISTS leaves it as it is\n"+
			"drop it first: DROP INDEX CONCURRENTLY %s;", now.name, now.name)
	case index.verb == createsIndex && now.valid && !index.before.there, index.verb == dropsIndex && !now.there && index.before.there:
		return nil
	}
	return err
}

// readyFor gives a statement with CONCURRENTLY all the time there is for a lock: it
// stops nobody while it waits, and begins from nothing when it gives way. Any other
// stops those who come after it, and gets no more than LockTimeout. A file that sets
// lock_timeout itself has its way.
func (w *stepwise) readyFor(ctx context.Context, index *indexStatement) error {
	if !w.file.setsLockTimeout() {
		patience := w.o.LockTimeout
		if index != nil {
			patience = max(w.o.RetryFor, w.o.LockTimeout)
		}
		if _, err := simple(ctx, w.conn, fmt.Sprintf("SET lock_timeout = %d", patience.Milliseconds())); err != nil {
			return err
		}
	}
	if index == nil {
		return nil
	}
	return w.lookAround(ctx, index)
}
