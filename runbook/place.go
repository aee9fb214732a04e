package runbook

import (
	"context"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/migrate"
)

// place is where the settings want clones to be made.
func (s *Session) place() pg.ClonePlace {
	r := s.Config.Rehearsal
	switch r.Place {
	case config.RehearseOnURL:
		return pg.OtherServer(r.Server)
	case config.RehearseOnLocal:
		return sandbox.ThrowawayPlace(sandbox.ThrowawayOptions{PathEnv: s.SearchPath, Image: s.SandboxImage})
	default:
		return pg.SameServer(s.Config.Target)
	}
}

// bookkeeping says which of the tables that are not the application's a clone of the
// schema has: with its rows that of the version, and the ledger's where it says how far a
// file that was interrupted had come. Else the ledger is left out: it holds up nobody.
func (j journey) bookkeeping(r *pg.CloneRequest) {
	r.Rows = [][2]string{{j.state.Schema, migrate.VersionTable}}
	if j.plan.Resumes {
		r.Rows = append(r.Rows, ledger.ProgressTables()...)
	} else {
		r.Without = []string{ledger.Schema}
	}
}

// clone makes a clone of the target. Whoever asks for one drops it.
func (f *flow) clone(ctx context.Context, s *ops.Step, r pg.CloneRequest) (*pg.Clone, error) {
	programs, err := f.programs(ctx)
	if err != nil {
		return nil, nothingChanged(err)
	}
	r.Source, r.Run, r.Application, r.Programs, r.Note = f.Config.Target, f.run.ID, f.application("rehearse"), programs, s.Note
	clone, err := f.place().Clone(ctx, r)
	if err != nil {
		if ctx.Err() == nil {
			err = &noCloneError{f.ofRehearsalServer(err)}
		}
		return nil, nothingChanged(err)
	}
	return clone, nil
}

// canHold says, before time is spent on a backup, whether a clone can be made at all: nil,
// or everything that is missing.
func (f *flow) canHold(ctx context.Context, j journey) error {
	if f.Config.Rehearsal.Mode == config.RehearseOff {
		return nil
	}
	programs, err := f.programs(ctx)
	if err != nil {
		return nothingChanged(err)
	}
	r := f.cloneRequest(nil, j, nil)
	r.Source, r.Run, r.Application, r.Programs = f.Config.Target, f.run.ID, f.application("rehearse"), programs
	err = f.place().CanHold(ctx, r)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return nothingChanged(&noCloneError{f.ofRehearsalServer(err)})
}

// noCloneError is a clone that could not be made; a dry run goes without.
type noCloneError struct{ err error }

func (e *noCloneError) Error() string { return e.err.Error() }
func (e *noCloneError) Unwrap() error { return e.err }

// drop takes a clone away, and says when it could not be.
func (f *flow) drop(ctx context.Context, s *ops.Step, c *pg.Clone) {
	if err := c.Drop(ctx); err != nil {
		s.Record(finding("rehearse.dropped", ops.Warn(
			"the clone "+c.Name+" could not be dropped: "+err.Error(), f.invocation("scratch prune"))))
	}
}
