package main

import (
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

// globalFlags are accepted by every command, before or after any positional.
// Each command gets its own copies: urfave keeps state in them.
func globalFlags() []cli.Flag {
	const category = "Global options"
	return []cli.Flag{
		&cli.StringFlag{Name: "env", Aliases: []string{"e"}, Category: category, Usage: "staging, production (prod) or development; default $ENVIRONMENT, else staging"},
		&cli.StringFlag{Name: "env-file", Category: category, Usage: "read settings from this `FILE` instead of backend/.env or .env"},
		&cli.StringFlag{Name: "config", Category: category, Usage: "read per-environment settings from this `FILE` instead of clipperops.yaml"},
		&cli.StringFlag{Name: "database-url", Category: category, Usage: "postgres://USER@HOST:PORT/NAME; put the password elsewhere (`URL` shows in ps)"},
		&cli.StringFlag{Name: "path", Category: category, Usage: "read migrations from this `DIR` instead of the embedded ones"},
		&cli.StringFlag{Name: "release", Category: category, Usage: "read the release from this `FILE` instead of the embedded moderation release"},
		&cli.StringFlag{Name: "backup-dir", Category: category, Usage: "keep backups in this `DIR`; default $BACKUP_DIR, else /var/backups/clipper"},
		&cli.StringFlag{Name: "report-dir", Category: category, Usage: "leave the reports of changes in this `DIR`; default $REPORT_DIR, else your state directory"},
		&cli.StringSliceFlag{Name: "report", Aliases: []string{"r"}, Category: category, Usage: "also write a report to this `FILE` (.txt .json .md .html .xml); repeatable"},
		&cli.StringFlag{Name: "output", Category: category, Value: "text", Usage: "text or json; json prints one document on stdout"},
		&cli.BoolFlag{Name: "yes", Category: category, Usage: "confirm without asking (needed where there is no terminal)"},
		&cli.BoolFlag{Name: "no-color", Category: category, Usage: "no colour; NO_COLOR in the environment does the same"},
		&cli.BoolFlag{Name: "quiet", Category: category, Usage: "warnings, failures and the conclusion only"},
		&cli.BoolFlag{Name: "verbose", Category: category, Usage: "every check and every detail"},
		&cli.DurationFlag{Name: "timeout", Category: category, Usage: "give up after this `DURATION`, as if interrupted (e.g. 30m); default none"},
	}
}

// lockFlags say how long a change waits for tables in use, and what it may do about it.
func lockFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "lock-timeout", Value: migrate.DefaultLockTimeout, Usage: "how long one try waits for a lock, and others behind it"},
		&cli.DurationFlag{Name: "lock-retry-for", Value: migrate.DefaultRetryFor, Usage: "how long to go on trying to get a lock"},
		&cli.DurationFlag{Name: "cancel-idle-blockers", Usage: "end sessions in the way that have been idle in transaction for this `DURATION`; default never"},
	}
}

// lockPatience reads them.
func (i *invocation) lockPatience() runbook.LockPatience {
	p := runbook.LockPatience{
		Timeout: i.Duration("lock-timeout"), RetryFor: i.Duration("lock-retry-for"),
		CancelIdle: i.Duration("cancel-idle-blockers"),
	}
	if p.RetryFor == 0 {
		p.RetryFor = -1 // asked for: no second try
	}
	return p
}

// rehearsalFlags say how and where a change is rehearsed.
func rehearsalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "rehearse", Usage: "the `MODE`: a clone that holds the schema, data (the backup, restored), or off; default schema"},
		rehearseOnFlag(),
		&cli.StringFlag{Name: "reason", Usage: "with --rehearse off: the reason, a `TEXT` that is recorded"},
	}
}

// allowIrreversibleFlag is for the way forward: a rollback goes on anyway.
func allowIrreversibleFlag() cli.Flag {
	return &cli.BoolFlag{Name: "allow-irreversible", Usage: "go on although the way back lacks a file or fails on the clone"}
}

func rehearseOnFlag() cli.Flag {
	return &cli.StringFlag{Name: "rehearse-on", Usage: "the `PLACE` where clones are made: local, same, or a server's URL; default same, on production local"}
}

func noRehearseFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-rehearse", Usage: "with --dry-run: do not rehearse"}
}

// rehearseOptions reads them.
func (i *invocation) rehearseOptions() (runbook.RehearseOptions, error) {
	o := runbook.RehearseOptions{Reason: i.String("reason"), Skip: i.Bool("no-rehearse"), AllowIrreversible: i.Bool("allow-irreversible")}
	if o.Skip && !i.Bool("dry-run") {
		return o, usageError(i.path, `--no-rehearse goes with --dry-run; a change goes without by --rehearse off --reason "…"`)
	}
	return o, nil
}
