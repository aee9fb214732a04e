package main

import (
	"context"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func migrateCommand() command {
	return command{
		name:  "migrate",
		usage: "take the database forward, never back",
		description: `Locks, plans, checks, backs up, asks (on production), applies one transaction per
file with the version inside it, validates, and records. A database at or past
the target is left alone.`,
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show the plan and stop; changes nothing, blocks nobody"},
			&cli.BoolFlag{Name: "sql", Usage: "with --dry-run: print the SQL as well"},
			&cli.StringFlag{Name: "target", Usage: "the `VERSION` to reach; default the release's last"},
			&cli.BoolFlag{Name: "skip-backup", Usage: "do not back up first (recorded; not recommended)"},
			&cli.BoolFlag{Name: "skip-validation", Usage: "do not validate afterwards (recorded)"},
			lockTimeoutFlag(),
			lockRetryFlag(),
		},
		examples: []string{
			"clipperops migrate --env staging --dry-run",
			"clipperops migrate --env staging",
			"clipperops migrate --env production --report migration.html",
			"clipperops migrate status --env production",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted},
		action: func(i *invocation) error {
			target, err := i.version("target")
			if err != nil {
				return err
			}
			if i.Bool("sql") && !i.Bool("dry-run") {
				return usageError(i.path, "--sql goes with --dry-run")
			}
			o := runbook.MigrateOptions{
				DryRun:         i.Bool("dry-run"),
				SQL:            i.Bool("sql"),
				Target:         target,
				SkipBackup:     i.Bool("skip-backup"),
				SkipValidation: i.Bool("skip-validation"),
				Locks:          i.lockPatience(),
			}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run {
				return runbook.Migrate(ctx, s, o)
			})
		},
		subcommands: []command{{
			name:     "status",
			usage:    "which version the database is at, and what is pending",
			examples: []string{"clipperops migrate status --env production"},
			reports:  true,
			codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted},
			action: func(i *invocation) error {
				return i.conduct(runbook.Status)
			},
		}},
	}
}
