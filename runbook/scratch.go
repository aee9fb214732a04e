package runbook

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/reports"
)

// ScratchDatabases lists the scratch databases on the servers where clones are made.
// Those on a throwaway server go with it.
func ScratchDatabases(ctx context.Context, s *Session) ([]pg.Scratch, error) {
	var all []pg.Scratch
	for _, server := range s.scratchServers() {
		found, err := pg.ListScratch(ctx, server, s.application("scratch"))
		if err != nil {
			return nil, s.ofRehearsalServer(err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// scratchServers are the database's own server and the one that the settings name.
func (s *Session) scratchServers() []config.Target {
	var servers []config.Target
	if s.Config.TargetErr == nil {
		servers = append(servers, s.Config.Target)
	}
	if s.Config.Rehearsal.Place == config.RehearseOnURL {
		servers = append(servers, s.Config.Rehearsal.Server)
	}
	return servers
}

// PruneScratch drops the scratch databases that nobody uses any more.
func PruneScratch(ctx context.Context, s *Session) *ops.Run {
	return s.conduct(ctx, "scratch prune", func(ctx context.Context, f *flow) error {
		if f.Config.TargetErr != nil && len(f.scratchServers()) == 0 {
			return f.Config.TargetErr
		}
		return f.step(ctx, "prune", func(ctx context.Context, s *ops.Step) error {
			var gone, left int
			for _, server := range f.scratchServers() {
				dropped, kept, err := pg.PruneScratch(ctx, server, f.application("scratch"), pg.PruneOrphaned)
				for _, d := range dropped {
					s.Record(finding("scratch.dropped", droppedScratch(d)))
				}
				for _, k := range kept {
					s.Record(finding("scratch.kept", keptScratch(k)))
				}
				gone, left = gone+len(dropped), left+len(kept)
				if err != nil {
					return f.ofRehearsalServer(err)
				}
			}
			if gone+left == 0 {
				s.Record(finding("scratch.none", ops.Pass("there is no scratch database: nothing to drop")))
			}
			f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("%s dropped, %d kept.", counted(gone, "scratch database", "scratch databases"), left))
			return nil
		})
	})
}

func droppedScratch(d pg.Scratch) ops.Result {
	r := ops.Pass("dropped " + d.Name + " (" + reports.Bytes(d.Bytes) + "): nobody needed it any more")
	for _, session := range d.Ended {
		r.Evidence = append(r.Evidence, ops.Fact{Value: "ended what a killed run had left running in it: " + session})
	}
	return r
}

func keptScratch(k pg.Scratch) ops.Result {
	kept := "kept " + k.Name + ": " + k.Why
	if k.Fix != "" {
		return ops.Warn(kept, "when nobody needs it: "+k.Fix)
	}
	return ops.Skip(kept)
}
