package auditlog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Do runs an action in one transaction together with its audit row: both are
// there afterwards, or neither. When the action is refused or fails, that is
// recorded instead. fn may complete the entry with what it learns.
func (l *Log) Do(ctx context.Context, e *Entry, fn func(context.Context, pgx.Tx) error) error {
	err := l.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		e.Outcome = Applied
		_, err := l.Insert(ctx, tx, *e)
		return err
	})
	if err == nil {
		l.Committed(e.Action, nil)
		return nil
	}
	l.Refuse(ctx, *e, err)
	return err
}

// Refuse records that the action was refused or failed with err.
func (l *Log) Refuse(ctx context.Context, e Entry, err error) {
	e.Outcome, e.Code = OutcomeOf(err)
	l.Record(ctx, e)
}
