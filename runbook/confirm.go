package runbook

import (
	"context"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// answerable refuses a change of production early when nobody could confirm it
// later.
func (f *flow) answerable() error {
	if f.Config.Environment != config.Production {
		return nil
	}
	if err := f.Asker.Answerable(); err != nil {
		return nothingChanged(err)
	}
	return nil
}

// confirm asks the operator, on production alone. A no is a refusal that says
// that nothing was changed.
func (f *flow) confirm(ctx context.Context, q ops.Question) error {
	if f.Config.Environment != config.Production {
		return nil
	}
	return f.step(ctx, "confirm", func(ctx context.Context, s *ops.Step) error {
		if err := f.Asker.Ask(ctx, q); err != nil {
			return nothingChanged(err)
		}
		s.Record(finding("confirmed", ops.Pass("confirmed by "+f.Operator)))
		return nil
	})
}
