package runbook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/validate"
)

// Validate answers whether the database keeps what the release promises.
func Validate(ctx context.Context, s *Session) *ops.Run {
	return s.conduct(ctx, "validate", func(ctx context.Context, f *flow) error {
		if err := f.connect(ctx, false); err != nil {
			return err
		}
		checks, state, err := f.validation(ctx)
		if err != nil {
			return nothingChanged(err)
		}
		if err := f.checkByGroup(ctx, checks); err != nil {
			return err
		}
		f.concludeValidation(state)
		return nil
	})
}

// validation makes the checks for where the database stands now.
func (f *flow) validation(ctx context.Context) ([]ops.Check, migrate.State, error) {
	state, err := migrate.ReadState(ctx, f.conn)
	if err != nil {
		return nil, state, err
	}
	return validate.Checks(validate.Input{
		Conn:    f.conn,
		Release: f.Release,
		Version: state.Version,
		Dirty:   state.Dirty,
	}), state, nil
}

// validateAfter validates as the last step of a change. A failure does not undo
// anything: it says so, and how to.
func (f *flow) validateAfter(ctx context.Context, skip bool, r rehearsed, wayBack string) error {
	var state migrate.State
	err := f.step(ctx, "validate", func(ctx context.Context, s *ops.Step) error {
		if skip {
			s.Record(finding("validate", ops.Skip("left out by --skip-validation")))
			return nil
		}
		if err := f.reconnect(ctx); err != nil {
			return err
		}
		checks, at, err := f.validation(ctx)
		if err != nil {
			return err
		}
		state = at
		return f.check(ctx, s, append(f.asRehearsed(r, "validate.rehearsed"), checks...))
	})
	if err != nil {
		return err
	}
	if skip {
		f.run.Conclusion = append(f.run.Conclusion, "The migration is applied and was not validated.")
		return nil
	}
	if failed := f.failedChecks(); len(failed) > 0 {
		return &ops.Failure{
			Code:  ops.ExitChecks,
			What:  "Validation checks failed!",
			State: []string{fmt.Sprintf("the migration is applied: the database is at %s", state)},
			Next:  append(f.mend(failed, r), wayBack),
		}
	}
	f.concludeValidation(state)
	return nil
}

// mend is what to do about checks that failed. The one that compares with the rehearsal is
// no part of a later validation, which would pass.
func (f *flow) mend(failed []string, r rehearsed) []string {
	const compared = "validate.rehearsed"
	next := f.notAsRehearsed(r, compared)
	rest := slices.DeleteFunc(slices.Clone(failed), func(id string) bool { return id == compared })
	if len(rest) > 0 {
		next = append(next, fmt.Sprintf("mend %s, then: %s", strings.Join(rest, ", "), f.invocation("validate")))
	}
	return next
}

func (f *flow) concludeValidation(state migrate.State) {
	counts := ops.Count(f.run.Results())
	switch pending := len(f.Release.Pending(state.Version)); {
	case counts.Fail > 0:
		f.run.Conclusion = append(f.run.Conclusion, "Validation checks failed!")
		f.run.Next = append(f.run.Next, fmt.Sprintf("mend %s, then: %s", strings.Join(f.failedChecks(), ", "), f.invocation("validate")))
	case pending == len(f.Release.Migrations):
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("– The %s release is not applied: the database is at %s.", f.Release.Name, state))
		f.run.Next = append(f.run.Next, f.invocation("migrate"))
	case pending > 0:
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("What is applied is as it should be; %d of %d migrations are missing.", pending, len(f.Release.Migrations)))
		f.run.Next = append(f.run.Next, f.invocation("migrate"))
	case f.warned("validate."):
		f.run.Conclusion = append(f.run.Conclusion, "⚠ Validation checks passed with warnings.", f.Release.Messages.Ready)
	default:
		f.run.Conclusion = append(f.run.Conclusion, "✓ All validation checks passed!", f.Release.Messages.Ready)
	}
}

// warned reports whether a check whose id begins with prefix warned.
func (f *flow) warned(prefix string) bool {
	return slices.ContainsFunc(f.run.Results(), func(r ops.Result) bool {
		return r.Status == ops.StatusWarn && strings.HasPrefix(r.ID, prefix)
	})
}
