package main

import (
	"context"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func migrateRepairCommand() command {
	return command{
		name:  "repair",
		usage: "find out where a database stands that some tool left dirty",
		description: `Builds the versions around the one the row names on scratch databases, from the
files, and compares: nothing of the file was applied, all of it, or which objects
stand and which do not, with the SQL to finish or to undo them. It only looks;
--apply writes the version row, where all or nothing stands, and nothing else.`,
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "apply", Usage: "write the version row that the comparison comes to"},
			rehearseOnFlag(),
		},
		examples: []string{
			"clipperops migrate repair --env production",
			"clipperops migrate repair --env production --apply",
		},
		reports: true,
		codes: []ops.ExitCode{
			ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitRefused, ops.ExitInconclusive, ops.ExitBusy, ops.ExitInterrupted,
		},
		action: func(i *invocation) error {
			o := runbook.RepairOptions{Apply: i.Bool("apply")}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return runbook.Repair(ctx, s, o) })
		},
	}
}
