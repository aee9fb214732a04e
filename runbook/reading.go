package runbook

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// reading connects for reading alone, for what only lists what is recorded.
func (s *Session) reading(ctx context.Context, command string, body func(*pgx.Conn) error) error {
	if s.Config.TargetErr != nil {
		return s.Config.TargetErr
	}
	conn, err := pg.Connect(ctx, s.Config.Target, pg.ConnOptions{
		Application: s.application(command), ReadOnly: true, StatementTimeout: recordTimeout, LockTimeout: recordPatience,
	})
	if err != nil {
		f := ops.AsFailure(err)
		f.Next = s.addressedAll(f.Next)
		return f
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	return body(conn)
}
