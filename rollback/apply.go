package rollback

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// ApplyOptions say how the down files are run.
type ApplyOptions struct {
	// Engine are the options of migrate.Apply. Its Before and BeforeCommit run as well: Before
	// ahead of ours, BeforeCommit behind it.
	Engine migrate.ApplyOptions
	// Also are the further tables the archive was told of.
	Also []migrate.Table
	// OnLate is told of late rows that were saved before a file. Default: nobody.
	OnLate func(ArchiveRef)
	// Progress is told of the late rows being saved. Default: nobody.
	Progress func(ops.Progress)
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	plan *migrate.Plan
}

// Applied is what Apply did, also when it failed.
type Applied struct {
	*migrate.Applied
	// Late are the archives of rows that were written after the archive was made and before
	// their table went.
	Late []ArchiveRef
}

// Apply runs the down files with migrate's engine. Before each it locks the tables that lose
// rows or columns, and saves, durably, what was written to them since they were archived;
// before each commit every table and column that is gone, and every table that rows were
// taken from, must be in the archive, or the file is undone.
//
// The backup is the full one where there is one; without, the archive stands for it.
func Apply(ctx context.Context, t config.Target, p *migrate.Plan, a ArchiveRef, b migrate.Backup, r migrate.Rehearsal, o ApplyOptions) (*Applied, error) {
	done := &Applied{Applied: &migrate.Applied{State: migrate.State{Version: p.From}}}
	if f := RefuseApply(p, a); f != nil {
		return done, f
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if b.Path == "" && b.Waived == "" {
		b = migrate.Backup{Path: a.Path, SHA256: a.SHA256}
	}
	o.plan = p
	g := newGuardian(a, o)
	engine := o.Engine
	if engine.Application == "" {
		engine.Application = "clipperops rollback"
	}
	engine.Whole = true // what code commits, no guard can undo
	engine.Before = inTurn(o.Engine.Before, g.before)
	engine.BeforeCommit = inTurn(g.beforeCommit, o.Engine.BeforeCommit)
	var err error
	done.Applied, err = migrate.Apply(ctx, t, p, b, r, engine)
	if n := len(done.Files); n > 0 && g.now != nil && done.Files[n-1].Version == g.now.file.Version {
		g.settle() // the last file is committed
	}
	done.Late = g.late
	return done, err
}

func inTurn(first, second migrate.Hook) migrate.Hook {
	return func(ctx context.Context, conn *pgx.Conn, f migrate.File) error {
		for _, hook := range []migrate.Hook{first, second} {
			if hook == nil {
				continue
			}
			if err := hook(ctx, conn, f); err != nil {
				return err
			}
		}
		return nil
	}
}

// RefuseApply says why a plan may not be applied with that archive; nil when it may.
func RefuseApply(p *migrate.Plan, a ArchiveRef) *ops.Failure {
	refuse := func(what string, next ...string) *ops.Failure {
		return &ops.Failure{Code: ops.ExitRefused, What: what, State: []string{"nothing was touched"}, Next: next}
	}
	switch info, err := os.Stat(a.Path); {
	case p.Direction != migrate.Down:
		return refuse("the plan goes up, and a rollback goes down", "clipperops migrate")
	case a.Manifest.PlanSHA256 != p.SHA256:
		return refuse("the archive was made for another plan", "run the same command again: it makes a new archive")
	case err != nil:
		return refuse("the archive is not there any more: "+err.Error(), "run the same command again: it makes a new archive")
	case info.Size() != a.Bytes:
		return refuse(fmt.Sprintf("the archive %s has another size than when it was made", filepath.Base(a.Path)), "run the same command again: it makes a new archive")
	}
	return RefuseUnprotected(p)
}
