package main

import (
	"context"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rollbackCommand() command {
	return command{
		name:  "rollback",
		usage: "take the database back, with every row saved first",
		description: `Locks, plans what would be reverted and lost, backs up, rehearses on a clone,
archives every row of every table that goes, asks, runs the down files one
transaction each, and proves that nothing else changed.`,
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "target", Usage: "the `VERSION` to go back to (required)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be reverted and lost, rehearse it on a clone, and stop"},
			&cli.BoolFlag{Name: "rehearse-only", Usage: "rehearse it on a clone, and stop"},
			noRehearseFlag(),
			&cli.BoolFlag{Name: "skip-backup", Usage: "no full backup; the archive of what would be lost is always made"},
			&cli.BoolFlag{Name: "allow-foreign", Usage: "also revert files that are not the release's"},
		}, rehearsalFlags(), lockFlags()),
		examples: []string{
			"clipperops rollback --target 10 --env production --dry-run",
			"clipperops rollback --target 10 --env production --rehearse-only",
			"clipperops rollback --target 10 --env production",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted},
		action: func(i *invocation) error {
			target, err := i.version("target")
			if err != nil {
				return err
			}
			if target == nil {
				return usageError(i.path, "rollback needs --target VERSION")
			}
			if i.Bool("dry-run") && i.Bool("rehearse-only") {
				return usageError(i.path, "--dry-run rehearses as well; leave out --rehearse-only")
			}
			rehearse, err := i.rehearseOptions()
			if err != nil {
				return err
			}
			o := runbook.RollbackOptions{
				Target:       *target,
				DryRun:       i.Bool("dry-run"),
				SkipBackup:   i.Bool("skip-backup"),
				AllowForeign: i.Bool("allow-foreign"),
				RehearseOnly: i.Bool("rehearse-only"),
				Rehearse:     rehearse,
				Locks:        i.lockPatience(),
			}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run {
				return runbook.Rollback(ctx, s, o)
			})
		},
	}
}
