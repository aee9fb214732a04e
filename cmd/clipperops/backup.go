package main

import (
	"context"
	"strconv"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func backupCommand() command {
	return command{
		name:  "backup",
		usage: "save the whole database, list what was saved, restore into a new one",
		description: `Without a command: backup create. A backup is db-YYYYMMDD-HHMMSS.sql.gz (UTC) in
$BACKUP_DIR with a manifest beside it; it is published only when it is complete.`,
		examples: []string{
			"clipperops backup --env production",
			"clipperops backup list",
			"clipperops backup restore /var/backups/clipper/db-20260213-031502.sql.gz --into clipper_check",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted},
		action:  backupCreate,
		subcommands: []command{
			{
				name:     "create",
				usage:    "dump the database to $BACKUP_DIR, with a manifest",
				examples: []string{"clipperops backup create --env production"},
				reports:  true,
				codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitBusy, ops.ExitInterrupted},
				action:   backupCreate,
			},
			{
				name:     "list",
				usage:    "what is in $BACKUP_DIR, newest first",
				examples: []string{"clipperops backup list --output json"},
				codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage},
				action:   backupList,
			},
			{
				name:      "restore",
				usage:     "restore a backup into a new database and compare its rows",
				argsUsage: "FILE",
				minArgs:   1, maxArgs: 1,
				flags: []cli.Flag{
					&cli.StringFlag{Name: "into", Usage: "the `NAME` of the new database; it must not exist"},
				},
				examples: []string{"clipperops backup restore db-20260213-031502.sql.gz --into clipper_check"},
				reports:  true,
				codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted},
				action:   backupRestore,
			},
		},
	}
}

func backupCreate(i *invocation) error { return i.conduct(runbook.Backup) }

func backupRestore(i *invocation) error {
	o := runbook.RestoreOptions{File: i.Args().First(), Into: i.String("into")}
	if o.Into == "" {
		return usageError(i.path, "backup restore needs --into NAME, the database to make")
	}
	return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run {
		return runbook.Restore(ctx, s, o)
	})
}

func backupList(i *invocation) error {
	settings, err := i.settings()
	if err != nil {
		return err
	}
	entries, err := backup.List(settings.BackupDir)
	if err != nil {
		return err
	}
	l := reports.List{
		Items:   entries,
		Columns: []string{"taken", "status", "size", "rows", "version", "file"},
		Empty:   "no backups in " + settings.BackupDir,
	}
	for _, e := range entries {
		rows, version := "", ""
		if m := e.Manifest; m != nil {
			rows = reports.Count(m.Rows())
			if m.SchemaVersion != nil {
				version = strconv.FormatInt(*m.SchemaVersion, 10)
			}
		}
		status := string(e.Status)
		if e.Problem != "" {
			status += ": " + e.Problem
		}
		l.Rows = append(l.Rows, []string{
			e.Taken.UTC().Format("2006-01-02 15:04:05 UTC"), status, reports.Bytes(e.Bytes), rows, version, e.Path,
		})
	}
	return i.list(l)
}
