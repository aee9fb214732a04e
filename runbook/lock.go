package runbook

import (
	"context"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// takeLock makes this the only operator at work on the database, begins the
// record, and says when an earlier run was killed.
func (f *flow) takeLock(ctx context.Context) error {
	return f.step(ctx, "lock", func(ctx context.Context, s *ops.Step) error {
		if f.Config.TargetErr != nil {
			return f.Config.TargetErr
		}
		lock, err := pg.Lock(ctx, f.Config.Target, pg.LockRequest{
			Application: f.application(f.run.Command),
			Holder:      f.Operator,
			Table:       migrate.VersionTable,
		})
		if err != nil {
			return nothingChanged(err)
		}
		f.lock = lock
		s.Record(finding("lock.held", ops.Pass("nobody else is at work on this database")))
		f.openRecord(ctx, s)
		return nil
	})
}
