package runbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/preflight"
)

// recheck asks again, just before the change, what can be different from when it was
// planned and rehearsed: who is in the way, and whether the schema is still the one
// that was cloned. An emergency's way back is not held up by who is in its way: it is
// said.
func (f *flow) recheck(ctx context.Context, v survey, plan *migrate.Plan, r rehearsed, locks LockPatience) error {
	in := f.inputOf(ctx, v)
	in.Plan, in.CancelIdle = f.planOf(plan), locks.CancelIdle
	err := f.step(ctx, "recheck", func(ctx context.Context, s *ops.Step) error {
		if err := f.unchanged(ctx, r); err != nil {
			return err
		}
		checks := preflight.Rechecks(in)
		if plan.Direction == migrate.Down {
			for i := range checks {
				checks[i].Fatal = false
			}
		}
		return f.check(ctx, s, checks)
	})
	if err != nil {
		return err
	}
	step := f.run.Steps[len(f.run.Steps)-1]
	if plan.Direction == migrate.Down || !step.Failed() {
		return nil
	}
	var failed []string
	for _, result := range step.Results {
		if result.Status == ops.StatusFail {
			failed = append(failed, result.ID)
		}
	}
	return &ops.Failure{
		Code:  ops.ExitChecks,
		What:  "Something came in the way since the checks!",
		State: []string{"nothing was changed"},
		Next:  []string{fmt.Sprintf("fix %s, then the same command again", strings.Join(failed, ", "))},
	}
}

// unchanged refuses when the schema is no longer the one that was cloned.
func (f *flow) unchanged(ctx context.Context, r rehearsed) error {
	if r.before == nil {
		return nil
	}
	now, err := f.snapshot(ctx)
	if err != nil {
		return err
	}
	changes := pg.Diff(r.before, now)
	if len(changes) == 0 {
		return nil
	}
	failure := &ops.Failure{
		Code:  ops.ExitRefused,
		What:  "the database has changed since the rehearsal, by somebody else",
		State: []string{"nothing was changed by this run"},
		Next:  []string{"run the same command again: it rehearses on what is there now"},
	}
	for _, fact := range changeFacts(changes) {
		failure.Detail = append(failure.Detail, fact.Value)
	}
	return failure
}
