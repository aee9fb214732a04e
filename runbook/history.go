package runbook

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ledger"
)

// History returns the recorded runs of the database, newest first, at most limit.
func History(ctx context.Context, s *Session, limit int) (entries []ledger.Entry, err error) {
	err = s.reading(ctx, "history", func(conn *pgx.Conn) error {
		entries, err = ledger.History(ctx, conn, ledger.Filter{Limit: limit})
		return err
	})
	return entries, err
}
