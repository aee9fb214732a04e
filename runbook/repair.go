package runbook

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/repair"
)

// RepairOptions says what is done about a database that was left dirty.
type RepairOptions struct {
	// Apply writes the version row that the comparison comes to. Without it nothing is
	// changed.
	Apply bool
}

// Repair finds out where a database stands that some tool left dirty: by comparing it,
// on scratch databases, with the versions around the one its row names. With Apply it
// writes the version row, where all or nothing of the file stands. It never touches
// anything else.
func Repair(ctx context.Context, s *Session, o RepairOptions) *ops.Run {
	return s.conduct(ctx, "migrate repair", func(ctx context.Context, f *flow) error {
		if err := f.readyToSet(ctx, o.Apply); err != nil {
			return err
		}
		state, err := f.standing(ctx)
		if err != nil {
			return err
		}
		if f.healthy(state) {
			return f.nameInvalid(ctx)
		}
		before, err := f.snapshot(ctx)
		if err != nil {
			return err
		}
		found, err := f.compare(ctx, state, o)
		if err != nil {
			return err
		}
		f.run.Data = found
		if !found.Settled() {
			return f.unsettled(found, o)
		}
		if !o.Apply {
			f.run.Conclusion = append(f.run.Conclusion, "⚠ Nothing was changed: the row still says "+state.String()+".")
			f.run.Next = append(f.run.Next, "set it: "+f.invocation("migrate repair --apply"))
			return nil
		}
		return f.applyRepair(ctx, state, before, found)
	})
}

// readyToSet connects; a command that is to set the version row is alone at work, and
// somebody can confirm it.
func (f *flow) readyToSet(ctx context.Context, set bool) error {
	if !set {
		return f.connect(ctx, true)
	}
	if err := f.answerable(); err != nil {
		return err
	}
	f.changing = true
	if err := f.takeLock(ctx); err != nil {
		return err
	}
	return f.connect(ctx, false)
}

// standing reads the files and the version row, and says who else is at work.
func (f *flow) standing(ctx context.Context) (state migrate.State, err error) {
	err = f.step(ctx, "look", func(ctx context.Context, s *ops.Step) error {
		v, err := f.look(ctx)
		if err != nil {
			return err
		}
		state = v.state
		said := ops.Pass("the version row says " + state.String())
		if state.Dirty {
			said = ops.Warn("the version row says "+state.String()+": a file was begun, and its end never recorded", "")
		}
		s.Record(finding("repair.row", said))
		if f.lock == nil {
			f.recordOthers(ctx, s, state)
		}
		return nil
	})
	return state, err
}

// recordOthers says who holds the lock of a migration: what is compared then still changes.
func (f *flow) recordOthers(ctx context.Context, s *ops.Step, state migrate.State) {
	ids := pg.MigrateLockIDs(f.Config.Target.Database, state.Schema, migrate.VersionTable)
	holders, err := pg.Holders(ctx, f.conn, pg.OperatorLockID, ids[0], ids[1])
	if err != nil {
		return // it is said for convenience
	}
	for _, h := range holders {
		s.Record(finding("repair.busy", ops.Warn("somebody is at work, or what a killed tool sent to the server still is: "+h.String(),
			"wait for it to end, then run this again")))
	}
}

// healthy says of a database that there is nothing to repair, or that we know ourselves
// how to go on.
func (f *flow) healthy(state migrate.State) bool {
	switch {
	case state.Rows > 1:
		return false
	case !state.Dirty:
		f.changing = false
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("There is nothing to repair: the database is at %s.", state))
		return true
	case state.Unfinished == nil:
		return false
	}
	f.changing = false
	u := state.Unfinished
	f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf(
		"There is nothing to repair: clipperops was interrupted in the %s file of %06d and knows which of its statements are done.", u.Direction, u.Version))
	resume := "migrate"
	if u.Direction == migrate.Down {
		resume = "rollback --target " + fmt.Sprint(max(state.Version, 0))
	}
	f.run.Next = append(f.run.Next, "it goes on there: "+f.invocation(resume))
	return true
}

// nameInvalid names the INVALID indexes of a database that needs no repair: they stay
// behind when a version row was set by hand.
func (f *flow) nameInvalid(ctx context.Context) error {
	found, err := repair.InvalidIndexes(ctx, f.conn)
	if err != nil {
		return nothingChanged(err)
	}
	if len(found) == 0 {
		return nil
	}
	return f.step(ctx, "indexes", func(_ context.Context, s *ops.Step) error {
		for _, i := range found {
			s.Record(i.Result())
		}
		return nil
	})
}

// compare examines the database, and records what was found.
func (f *flow) compare(ctx context.Context, state migrate.State, o RepairOptions) (found *repair.Finding, err error) {
	err = f.step(ctx, "compare", func(ctx context.Context, s *ops.Step) error {
		if found, err = f.examine(ctx, s, state); err != nil {
			return err
		}
		f.recordFinding(s, found, f.nextOf(found, o))
		return nil
	})
	return found, err
}

// examine compares the database with the versions around the one its state names.
func (f *flow) examine(ctx context.Context, s *ops.Step, state migrate.State) (*repair.Finding, error) {
	found, err := repair.Examine(ctx, repair.Input{
		Target: f.conn, State: state, Source: f.source, Application: f.application("repair"),
		Empty: f.scratchFor(s, true), Clone: f.scratchFor(s, false),
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err() // what was under way then is of no interest
	case err != nil:
		return nil, nothingChanged(err)
	}
	return found, nil
}

func (f *flow) recordFinding(s *ops.Step, found *repair.Finding, fix string) {
	for i, r := range found.Results() {
		if i == 0 {
			r.Fix = fix
		}
		s.Record(r)
	}
}

// nextOf is what to do about what the comparison came to.
func (f *flow) nextOf(found *repair.Finding, o RepairOptions) string {
	switch {
	case found.Settled() && o.Apply:
		return "" // it is done below
	case found.Settled():
		return f.invocation("migrate repair --apply")
	case found.Upward != nil || found.Downward != nil:
		return "finish it or undo it with the SQL below, then: " + f.invocation("migrate repair")
	}
	return "find out by other means where the database stands, then: " + f.invocation("migrate force VERSION")
}

// scratchFor makes scratch databases for a comparison, where the settings want clones to
// be: empty ones, or with the target's schema.
func (f *flow) scratchFor(s *ops.Step, empty bool) repair.Scratch {
	return func(ctx context.Context) (config.Target, func(), error) {
		var r pg.CloneRequest
		if empty {
			r.Fill = func(context.Context, config.Target, pg.Programs) error { return nil }
		}
		c, err := f.clone(ctx, s, r)
		if err != nil {
			return config.Target{}, nil, err
		}
		return c.Target, func() { f.drop(ctx, s, c) }, nil
	}
}

// unsettled is the end of a comparison that names no version.
func (f *flow) unsettled(found *repair.Finding, o RepairOptions) error {
	failure := &ops.Failure{
		Code:   ops.ExitChecks,
		What:   found.Summary(),
		Detail: found.Reasons,
		State:  []string{"nothing was changed"},
	}
	switch {
	case o.Apply:
		failure.Code = ops.ExitRefused
	case found.Verdict == repair.CannotTell:
		failure.Code = ops.ExitInconclusive
	}
	if found.Upward != nil || found.Downward != nil {
		failure.Next = []string{
			"finish it or undo it with the SQL above, then: " + f.invocation("migrate repair"),
		}
		return failure
	}
	if found.Foreign != "" {
		failure.Next = append(failure.Next, "see whether this is the database you mean: "+f.invocation("config show"), "or name the files that made it: --path DIR")
	}
	failure.Next = append(failure.Next,
		"find out by other means where the database stands, then, as a last resort: "+f.invocation("migrate force VERSION"))
	return failure
}
