package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Interrupted returns the runs that were begun in this database, never finished,
// and whose session is gone: they were killed, or lost their server. Newest first.
func Interrupted(ctx context.Context, db Executor) ([]Entry, error) {
	if there, err := tableThere(ctx, db, "runs"); err != nil || !there {
		return nil, err
	}
	rows, err := db.Query(ctx, `
		SELECT `+entryColumns+` FROM clipperops.runs r
		 WHERE r.finished IS NULL AND NOT (`+copied+`) AND `+gone+`
		 ORDER BY r.started DESC, r.id DESC`)
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	entries, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	if err := addFiles(ctx, db, entries); err != nil {
		return nil, readable(ctx, db, err)
	}
	return entries, nil
}

// Interrupted is Interrupted over the ledger's own connection.
func (l *Ledger) Interrupted(ctx context.Context) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Interrupted(ctx, l.conn)
}

// CloseInterrupted marks the killed runs as interrupted, found by foundBy (an
// operator, or the id of a run). Whether they are killed is looked at again: a
// run that lives is never closed.
func (l *Ledger) CloseInterrupted(ctx context.Context, foundBy string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.conn.Exec(ctx, `
		UPDATE clipperops.runs r
		   SET finished = pg_catalog.clock_timestamp(), outcome = 'interrupted', found_by = $1
		 WHERE r.finished IS NULL AND NOT (`+copied+`) AND `+gone, l.clean.line(foundBy, maxLabel))
	return failed("close interrupted runs", err)
}
