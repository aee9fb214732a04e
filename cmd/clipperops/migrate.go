package main

import (
	"context"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func migrateCommand() command {
	return command{
		name:  "migrate",
		usage: "take the database forward, never back",
		description: `Locks, plans, checks, backs up, rehearses on a clone there and back, asks (on
production), applies one transaction per file with the version inside it, validates,
and records. A database at or past the target is left alone.`,
		flags: slices.Concat([]cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show the plan, rehearse it on a clone, and stop; changes nothing, blocks nobody"},
			noRehearseFlag(),
			&cli.BoolFlag{Name: "sql", Usage: "with --dry-run: print the SQL as well"},
			migrateTargetFlag(),
			&cli.BoolFlag{Name: "skip-backup", Usage: "do not back up first (recorded; not recommended)"},
			&cli.BoolFlag{Name: "skip-validation", Usage: "do not validate afterwards (recorded)"},
			allowIrreversibleFlag(),
		}, rehearsalFlags(), lockFlags()),
		examples: []string{
			"clipperops migrate --env staging --dry-run",
			"clipperops migrate --env staging",
			"clipperops migrate rehearse --env production --rehearse data",
			"clipperops migrate --env production --report migration.html",
			"clipperops migrate status --env production",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted},
		action: func(i *invocation) error {
			if i.Bool("sql") && !i.Bool("dry-run") {
				return usageError(i.path, "--sql goes with --dry-run")
			}
			return i.migrate(runbook.Migrate)
		},
		subcommands: []command{migrateRehearseCommand(), migrateStatusCommand(), migrateRepairCommand(), migrateForceCommand()},
	}
}

func migrateTargetFlag() cli.Flag {
	return &cli.StringFlag{Name: "target", Usage: "the `VERSION` to reach; default the release's last"}
}

// migrate conducts a flow of migration by the flags.
func (i *invocation) migrate(flow func(context.Context, *runbook.Session, runbook.MigrateOptions) *ops.Run) error {
	target, err := i.version("target")
	if err != nil {
		return err
	}
	rehearse, err := i.rehearseOptions()
	if err != nil {
		return err
	}
	o := runbook.MigrateOptions{
		DryRun:         i.Bool("dry-run"),
		SQL:            i.Bool("sql"),
		Target:         target,
		SkipBackup:     i.Bool("skip-backup"),
		SkipValidation: i.Bool("skip-validation"),
		Rehearse:       rehearse,
		Locks:          i.lockPatience(),
	}
	return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return flow(ctx, s, o) })
}

func migrateRehearseCommand() command {
	return command{
		name:  "rehearse",
		usage: "run the migration on a clone, there, back and there again; change nothing",
		description: `Says what it would lock, for about how long, what it would rewrite, make and lose,
and whether it can be undone: measured on the clone, not guessed.`,
		flags: slices.Concat([]cli.Flag{migrateTargetFlag(), allowIrreversibleFlag()}, rehearsalFlags()),
		examples: []string{
			"clipperops migrate rehearse --env staging",
			"clipperops migrate rehearse --env production --rehearse data --rehearse-on local",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitRefused, ops.ExitInterrupted},
		action:  func(i *invocation) error { return i.migrate(runbook.MigrateRehearse) },
	}
}

func migrateStatusCommand() command {
	return command{
		name:     "status",
		usage:    "which version the database is at, and what is pending",
		examples: []string{"clipperops migrate status --env production"},
		reports:  true,
		codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted},
		action:   func(i *invocation) error { return i.conduct(runbook.Status) },
	}
}
