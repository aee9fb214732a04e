package runbook

import (
	"context"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// History returns the recorded runs of the database, newest first, at most limit.
func History(ctx context.Context, s *Session, limit int) ([]ledger.Entry, error) {
	if s.Config.TargetErr != nil {
		return nil, s.Config.TargetErr
	}
	conn, err := pg.Connect(ctx, s.Config.Target, pg.ConnOptions{
		Application: s.application("history"), ReadOnly: true, StatementTimeout: recordTimeout, LockTimeout: recordPatience,
	})
	if err != nil {
		return nil, ops.AsFailure(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	return ledger.History(ctx, conn, ledger.Filter{Limit: limit})
}
