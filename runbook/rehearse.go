package runbook

import (
	"context"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// notRehearsed is why a change goes to the database without having run on a
// clone of it first.
const notRehearsed = "this version makes no clones"

// rehearse yields the rehearsal that apply asks for: waived, and said so.
func (f *flow) rehearse(ctx context.Context) (migrate.Rehearsal, error) {
	err := f.step(ctx, "rehearse", func(_ context.Context, s *ops.Step) error {
		s.Record(finding("rehearse", ops.Skip("not rehearsed on a clone: "+notRehearsed)))
		return nil
	})
	return migrate.Rehearsal{Waived: notRehearsed}, err
}
