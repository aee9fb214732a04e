package runbook

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// Status says where the database stands and what is pending.
func Status(ctx context.Context, s *Session) *ops.Run {
	return s.conduct(ctx, "migrate status", func(ctx context.Context, f *flow) error {
		if err := f.connect(ctx, true); err != nil {
			return err
		}
		return f.step(ctx, "status", func(ctx context.Context, step *ops.Step) error {
			v, err := f.look(ctx)
			if err != nil {
				return err
			}
			f.run.Data = statusOf(v, f.Release.Name, f.Release.Target)
			f.recordStatus(step, v)
			f.recordOperators(ctx, step)
			return nil
		})
	})
}

// StatusData is what `migrate status --output json` holds under "data".
type StatusData struct {
	// Version is -1 when the database has none.
	Version int64 `json:"version"`
	Dirty   bool  `json:"dirty"`
	// Release and Target name what is being shipped and its last version.
	Release string `json:"release"`
	Target  uint64 `json:"target"`
	// Pending are the files between the version and the target.
	Pending []string `json:"pending"`
}

func statusOf(v survey, release string, target uint64) StatusData {
	d := StatusData{Version: v.state.Version, Dirty: v.state.Dirty, Release: release, Target: target, Pending: []string{}}
	for _, version := range v.source.Versions() {
		if int64(version) > v.state.Version && version <= target {
			if up, ok := v.source.Up(version); ok {
				d.Pending = append(d.Pending, up.FileName)
			}
		}
	}
	return d
}

func (f *flow) recordStatus(s *ops.Step, v survey) {
	standing := ops.Pass("the database is at " + v.state.String())
	if v.state.Dirty {
		standing = ops.Warn("the database is at "+v.state.String(), "find out what of the file stands: "+f.invocation("migrate repair"))
	}
	s.Record(finding("status.version", standing))

	pending := statusOf(v, f.Release.Name, f.Release.Target).Pending
	summary := fmt.Sprintf("%s of %s pending, up to version %d", files(len(pending)), v.source.Label, f.Release.Target)
	if len(pending) == 0 {
		summary = fmt.Sprintf("nothing is pending: the %s release ends at version %d", f.Release.Name, f.Release.Target)
	} else {
		f.run.Next = []string{f.invocation("preflight"), f.invocation("migrate --dry-run")}
	}
	r := ops.Pass(summary)
	for _, name := range pending {
		r.Evidence = append(r.Evidence, ops.Fact{Name: name})
	}
	s.Record(finding("status.pending", r))
}

// recordOperators says who is at work, and which runs were killed.
func (f *flow) recordOperators(ctx context.Context, s *ops.Step) {
	ids := pg.MigrateLockIDs(f.Config.Target.Database, "public", migrate.VersionTable)
	holders, err := pg.Holders(ctx, f.conn, pg.OperatorLockID, ids[0], ids[1])
	if err == nil {
		for _, h := range holders {
			s.Record(finding("status.busy", ops.Warn("somebody is at work: "+h.String(), "wait for it to end")))
		}
	}
	limited, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	killed, err := ledger.Interrupted(limited, f.conn)
	if err != nil {
		return
	}
	for _, k := range killed {
		s.Record(finding("status.killed", f.killedResult(k)))
	}
}
