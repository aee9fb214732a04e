package runbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/repair"
)

// ForceOptions says which version is forced.
type ForceOptions struct {
	// Version is the one the row is to name, -1 for none.
	Version int64
}

// ForceData is what a forced version's JSON holds under "data".
type ForceData struct {
	// From is what the row said; Dirty that it was marked so. -1 is no version.
	From  int64 `json:"from"`
	Dirty bool  `json:"dirty"`
	To    int64 `json:"to"`
	// Comparison is what the database itself says, null when it could not be asked.
	Comparison *repair.Finding `json:"comparison"`
}

// Force sets the version row to what the operator says, clean, whatever the database
// holds: the last resort. It asks on every environment, shows what a comparison says
// first, and is recorded. A version without a file is refused.
func Force(ctx context.Context, s *Session, o ForceOptions) *ops.Run {
	return s.conduct(ctx, "migrate force", func(ctx context.Context, f *flow) error {
		if err := f.Asker.Answerable(); err != nil {
			return nothingChanged(err)
		}
		if err := f.readyToSet(ctx, true); err != nil {
			return err
		}
		state, err := f.standing(ctx)
		if err != nil {
			return err
		}
		if err := f.forcible(o.Version); err != nil {
			return err
		}
		data := &ForceData{From: state.Version, Dirty: state.Dirty, To: o.Version}
		f.run.Data = data
		said, err := f.advise(ctx, state, o.Version, data)
		if err != nil {
			return err
		}
		if err := f.ask(ctx, state, o.Version, said); err != nil {
			return err
		}
		err = f.step(ctx, "set", func(ctx context.Context, s *ops.Step) error {
			if err := f.setVersion(ctx, s, state, o.Version); err != nil {
				return err
			}
			f.forgetMarks(ctx, s, state)
			return nil
		})
		if err != nil {
			return err
		}
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf(
			"Forced: the version row says %s, clean. Nothing else was touched.", repair.VersionName(o.Version)))
		f.run.Next = append(f.run.Next, f.invocation("validate"), f.invocation("migrate status"))
		return nil
	})
}

// forcible refuses a version that no file leads to: every tool would stop at it.
func (f *flow) forcible(version int64) error {
	if version < 0 || f.source.Has(uint64(version)) {
		return nil
	}
	failure := &ops.Failure{
		Code:   ops.ExitUsage,
		What:   fmt.Sprintf("there is no migration %d in %s", version, f.source.Label),
		Detail: []string{"a database at a version without a file can go neither up nor down"},
		State:  []string{"nothing was changed"},
		Next:   []string{"choose a version that has a file, or none for no version at all"},
	}
	return failure
}

// advise records what the comparison says, and returns it in a line. That it cannot be
// made is said, and stops nothing: forcing is for when nothing else helps.
func (f *flow) advise(ctx context.Context, state migrate.State, to int64, data *ForceData) (said string, err error) {
	examined := state
	if !state.Dirty {
		examined.Version = to // the row names no file that was begun: what of this one stands?
	}
	var found *repair.Finding
	err = f.step(ctx, "compare", func(ctx context.Context, s *ops.Step) error {
		var why error
		found, why = f.examine(ctx, s, examined)
		switch {
		case ctx.Err() != nil:
			return why
		case why != nil:
			said = "the comparison could not be made: " + ops.AsFailure(why).What
			s.Record(finding("force.comparison", ops.Warn(said, strings.Join(ops.AsFailure(why).Next, "\n"))))
			return nil
		}
		f.recordFinding(s, found, "")
		return nil
	})
	if err != nil || found == nil {
		return said, err
	}
	data.Comparison = found
	said = "the comparison says: " + found.Summary()
	if found.Settled() && found.Version == to {
		return said, nil
	}
	return said, f.step(ctx, "advice", func(_ context.Context, s *ops.Step) error {
		s.Record(finding("force.comparison", ops.Warn(
			fmt.Sprintf("%s is not what the comparison says: %s", repair.VersionName(to), found.Summary()), f.rather(state, found))))
		return nil
	})
}

// rather is what the comparison advises in place of the force.
func (f *flow) rather(state migrate.State, found *repair.Finding) string {
	switch {
	case state.Dirty:
		return f.invocation("migrate repair")
	case found.Settled():
		return f.invocation("migrate force " + version(found.Version))
	case found.Upward != nil || found.Downward != nil:
		return "finish it or undo it with the SQL above first"
	}
	return f.invocation("migrate status")
}

// ask has the operator type the version, on every environment.
func (f *flow) ask(ctx context.Context, state migrate.State, to int64, said string) error {
	return f.step(ctx, "confirm", func(ctx context.Context, s *ops.Step) error {
		err := f.Asker.Ask(ctx, ops.Question{
			Lines: []string{
				fmt.Sprintf("This sets the version row of %s: %s, from %s to %s, clean, whatever the database holds.",
					f.Config.Environment, f.Config.Target, state, repair.VersionName(to)),
				said + ".",
			},
			Word: version(to),
		})
		if err != nil {
			return nothingChanged(err)
		}
		s.Record(finding("confirmed", ops.Pass("confirmed by "+f.Operator)))
		return nil
	})
}

// forgetMarks drops what the ledger knows of a file that was interrupted at the version
// the row named: a later mark of another tool would be taken for it.
func (f *flow) forgetMarks(ctx context.Context, s *ops.Step, state migrate.State) {
	if state.Unfinished == nil {
		return
	}
	why := "the ledger cannot be written"
	if f.record != nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		defer cancel()
		err := f.record.ledger.ForgetStatements(limited, f.conn, uint64(state.Version), ledger.Direction(state.Unfinished.Direction))
		if err == nil {
			return
		}
		why = err.Error()
	}
	s.Record(finding("force.marks", ops.Warn("what the ledger knows of the interrupted file could not be forgotten: "+why,
		fmt.Sprintf("DELETE FROM clipperops.statements WHERE version = %d;", state.Version))))
}
