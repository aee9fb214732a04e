package main

import (
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func scratchCommand() command {
	codes := []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted}
	return command{
		name:  "scratch",
		usage: "the scratch databases of rehearsals: what is there, and what a killed run left",
		description: `A rehearsal drops its scratch database, also on Ctrl-C. What a killed one left is
dropped by the next rehearsal there, or by scratch prune, which also ends what
the server still runs of it; never anything else.`,
		subcommands: []command{
			{
				name:     "list",
				usage:    "every scratch database on the server, and who uses it",
				flags:    []cli.Flag{rehearseOnFlag()},
				examples: []string{"clipperops scratch list --env staging"},
				codes:    codes,
				action:   scratchList,
			},
			{
				name:     "prune",
				usage:    "drop those that nobody uses any more",
				flags:    []cli.Flag{rehearseOnFlag()},
				examples: []string{"clipperops scratch prune --env staging"},
				reports:  true,
				codes:    codes,
				action:   func(i *invocation) error { return i.conduct(runbook.PruneScratch) },
			},
		},
	}
}

func scratchList(i *invocation) error {
	s, err := i.session()
	if err != nil {
		return err
	}
	if s.Config.TargetErr != nil {
		return s.Config.TargetErr
	}
	ctx, cancel := i.deadline()
	defer cancel()
	found, err := runbook.ScratchDatabases(ctx, s)
	if err != nil {
		return err
	}
	return i.list(scratchTable(found))
}

func scratchTable(found []pg.Scratch) reports.List {
	l := reports.List{
		Items:   found,
		Columns: []string{"made", "size", "what of it", "database"},
		Empty:   "no scratch databases",
	}
	for _, one := range found {
		made := ""
		if !one.Created.IsZero() {
			made = one.Created.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		size := "unknown"
		if one.Bytes >= 0 {
			size = reports.Bytes(one.Bytes)
		}
		state := one.Why
		switch {
		case state == "":
			state = "nobody needs it any more: the next rehearsal drops it"
		case one.Orphaned:
			state += "; clipperops scratch prune ends that and drops the database; to end it alone: " + one.Fix
		case one.Fix != "":
			state += "; when nobody needs it: " + one.Fix
		}
		l.Rows = append(l.Rows, []string{made, size, state, one.Name})
	}
	return l
}
