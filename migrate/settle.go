package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// settle finds out what became of a statement that was running when a run was cut
// off: true when it turns out to be done. What it left half done is taken away.
func (w *stepwise) settle(ctx context.Context, i int, index *indexStatement) (bool, error) {
	if w.unfinished != nil && w.unfinished.Started == i && w.unfinished.StartedSum != checksum(w.file.Statements[i].Text) {
		return false, nil // it was changed since, and so it is another statement
	}
	if index == nil {
		return false, nil // running it again is all that can be done
	}
	if index.verb == rebuilds {
		return false, w.sweep(ctx, index)
	}
	if index.name.Name == "" {
		return false, fmt.Errorf("whether the index on line %d was built before the run was cut off cannot be told, for it has no name\n"+
			"look at the indexes of %s, drop what there is of it, and give it a name in the file", w.file.Statements[i].Line, index.table)
	}
	s, err := w.awaitBuild(ctx, i, index)
	switch {
	case err != nil:
		return false, err
	case index.verb == dropsIndex:
		if s.there {
			return false, nil
		}
	case s.there && s.valid:
	case s.there:
		return false, w.dropInvalid(ctx, s.name)
	default:
		return false, nil
	}
	w.finished(ctx, i)
	w.note(w.file, fmt.Sprintf("statement %d of %s was completed before the run was cut off", i+1, w.file.FileName))
	return true, nil
}

// awaitBuild waits while a session that outlived its client goes on building.
func (w *stepwise) awaitBuild(ctx context.Context, i int, index *indexStatement) (indexState, error) {
	told := false
	for until := time.Now().Add(w.o.RetryFor); ; {
		s, err := w.find(ctx, index)
		if err != nil || s.byWhom == 0 || time.Now().After(until) {
			return s, err
		}
		if !told {
			told = true
			w.emit(Event{
				Kind: Note, File: w.file, Statement: i,
				Text: fmt.Sprintf("index %s is still being built by pid %d, which outlived the run that was cut off; waiting for it", s.name, s.byWhom),
			})
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(buildPoll):
		}
	}
}

// stopped ends a file that is on its way: what the failed statement left is taken
// away, and the dirty mark with it when nothing of the file is done.
func (w *stepwise) stopped(ctx context.Context, f failure) error {
	calm, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.o.ReconnectFor+cleanUp)
	defer cancel()
	already := len(w.dropped)
	lost := w.lost()
	if lost {
		if err := w.reconnect(calm); err != nil {
			f.state = &verdict{state: w.applied.State, err: err}
			return w.partly(ctx, f)
		}
	}
	nothingLeft := true
	if f.attempt.piece != nil { // a statement was running
		nothingLeft = w.clearAway(calm, f.attempt.statement, lost, &f)
	}
	for _, name := range w.dropped[already:] {
		f.done = append(f.done, fmt.Sprintf("the INVALID index %s that it left was dropped", name))
	}
	if len(w.done) == 0 && nothingLeft && (w.bare || w.undoMark(calm) == nil) {
		return w.failed(ctx, f)
	}
	return w.partly(ctx, f)
}

// reconnect replaces the connection that was lost, once its session has ended.
func (w *stepwise) reconnect(ctx context.Context) error {
	if _, err := w.truth(ctx); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	_, err := simple(ctx, w.conn, w.timeouts(w.o.LockTimeout))
	return err
}

// clearAway takes away what the i-th statement left. It is true when nothing of it
// remains.
func (w *stepwise) clearAway(ctx context.Context, i int, lost bool, f *failure) bool {
	index := w.index
	var err error
	switch {
	case index == nil:
		w.mark(ctx, i, StatementFailed)
		return failsWhole(w.file.Statements[i])
	case !index.looked:
		return true // it was not even sent
	case lost:
		var settled bool
		if settled, err = w.settle(ctx, i, index); settled {
			return false
		}
	default:
		err = w.sweep(ctx, index)
	}
	if err != nil {
		f.done = append(f.done, strings.Split(err.Error(), "\n")...)
		return false
	}
	w.mark(ctx, i, StatementFailed)
	return index.verb != dropsIndex || w.dropLeftNothing(ctx, index, f)
}

// dropLeftNothing reports whether the index is as it was before the DROP that
// failed: DROP INDEX CONCURRENTLY makes it INVALID first.
func (w *stepwise) dropLeftNothing(ctx context.Context, index *indexStatement, f *failure) bool {
	s, err := w.find(ctx, index)
	if err == nil && s.there && !s.valid {
		f.done = append(f.done, fmt.Sprintf("index %s is INVALID now: no query uses it any more, and it is still there", s.name))
	}
	return err == nil && (!s.there || s.valid)
}

// failsWhole reports whether a statement of this kind leaves nothing when it fails.
func failsWhole(st sqlscan.Statement) bool {
	// What DO and CALL committed inside is committed; DETACH CONCURRENTLY stays pending.
	return !st.Begins("DO") && !st.Begins("CALL") && !st.Begins("ALTER", "TABLE")
}

// partly makes the failure of a file of which something is done.
func (w *stepwise) partly(ctx context.Context, f failure) error {
	f.partly = true
	n := len(w.file.Statements)
	next := 0
	for slices.Contains(w.done, next) || next < n && w.file.sessionStatement(next) {
		next++
	}
	switch {
	case next >= n:
		f.done = append(f.done, fmt.Sprintf("every statement of %s is done; only its version row is still marked dirty", w.file.FileName))
	case len(w.done) == 0:
		f.done = append(f.done, fmt.Sprintf("no statement of %s was completed", w.file.FileName))
	default:
		f.done = append(f.done, fmt.Sprintf("%d of %d statements of %s are done", len(w.done), n, w.file.FileName))
	}
	if w.o.Ledger == nil || w.unmarked {
		f.done = append(f.done, "how far it is could not be recorded: no later run can go on by itself")
		return w.failed(ctx, f)
	}
	if next < n {
		f.done = append(f.done, fmt.Sprintf("the next run goes on at statement %d (line %d)", next+1, w.file.Statements[next].Line))
	}
	return w.failed(ctx, f)
}
