package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/console"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

// demoRows is how many rows of each kind the application writes in the demo.
const demoRows = 200

// demoCleanup bounds the removal of the sandbox, also after Ctrl-C.
const demoCleanup = time.Minute

func demoCommand() command {
	return command{
		name:  "demo",
		usage: "the whole story on a throwaway Postgres, in about a minute",
		description: `Starts a sandbox and runs the real commands on it: preflight, backup, migrate,
validate, rows in every moderation table, rollback --target 10, validate, migrate
again; then the service runs and is rolled out, until Twitch fails. Cleans up at the end.`,
		flags:    []cli.Flag{&cli.BoolFlag{Name: "keep", Usage: "leave the sandbox running"}},
		examples: []string{"clipperops demo", "clipperops demo --keep"},
		codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted},
		action:   func(i *invocation) error { return (&demo{invocation: i}).run() },
	}
}

// demo is one telling of the story.
type demo struct {
	*invocation
	sandbox *sandbox.Sandbox
	session *runbook.Session
	// quiet is the console of commands that are told with --quiet.
	quiet *console.Console
	// report is the HTML report of the last run that changed something.
	report string
}

func (d *demo) run() (err error) {
	if err := d.checkFlags(); err != nil {
		return err
	}
	if err := d.refuseSettings(); err != nil {
		return err
	}
	d.console = d.terminal()
	quietly := d.consoleOptions()
	quietly.Quiet = true
	d.quiet = console.New(quietly)
	ctx, cancel := d.deadline()
	defer cancel()

	began := time.Now()
	defer func() { err = errors.Join(err, d.cleanUp(ctx)) }()
	if err := d.start(ctx); err != nil {
		return err
	}
	for _, tell := range d.story() {
		if err := tell(ctx); err != nil {
			return err
		}
	}
	d.console.Print(fmt.Sprintf("\nThat was the whole story, in %s.\nreport: %s\n", reports.Duration(time.Since(began)), d.report))
	return nil
}

// refuseSettings refuses what would lead away from the sandbox, or cannot be had.
func (d *demo) refuseSettings() error {
	if d.json() {
		return usageError(d.path, "demo tells a story; it has no JSON form")
	}
	for _, name := range []string{"env", "env-file", "config", "database-url", "path", "release", "backup-dir"} {
		if d.IsSet(name) {
			return usageError(d.path, "demo runs on a sandbox of its own; --%s has no say in it", name)
		}
	}
	return nil
}

// story is the demo, chapter by chapter; every chapter is a command's real path.
func (d *demo) story() []func(context.Context) error {
	return []func(context.Context) error{
		d.command("preflight", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.Preflight(ctx, s, runbook.PreflightOptions{})
		}),
		d.command("backup", runbook.Backup),
		d.command("migrate", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.Migrate(ctx, s, runbook.MigrateOptions{})
		}),
		d.command("validate --quiet", runbook.Validate),
		d.write,
		d.command("rollback --target 10", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.Rollback(ctx, s, runbook.RollbackOptions{Target: 10})
		}),
		d.command("validate --quiet", runbook.Validate),
		d.command("migrate", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.Migrate(ctx, s, runbook.MigrateOptions{})
		}),
		d.rollout,
	}
}

// command is a chapter: the line an operator would type, and the flow itself.
func (d *demo) command(line string, flow func(context.Context, *runbook.Session) *ops.Run) func(context.Context) error {
	return func(ctx context.Context) error {
		d.say("$ clipperops " + line)
		s := *d.session
		if strings.HasSuffix(line, " --quiet") {
			s.Sink = d.quiet
		}
		run := flow(ctx, &s)
		for _, a := range run.Artifacts {
			if a.Kind == "report" && strings.HasSuffix(a.Path, ".html") {
				d.report = a.Path
			}
		}
		if code := run.ExitCode(); code != ops.ExitDone {
			return shownError{code}
		}
		return nil
	}
}

func (d *demo) say(line string) { d.console.Print("\n" + line + "\n") }

// start makes the sandbox and a session on it that sees none of the caller's
// database settings.
func (d *demo) start(ctx context.Context) error {
	d.say("$ clipperops sandbox start")
	// Always a new one: a sandbox that is there already has a story of its own.
	dir := filepath.Join(os.TempDir(), "clipperops-demo-"+newID())
	var err error
	run := ops.Begin(ops.Header{Command: "sandbox start", Version: version}, d.console, nil)
	err = run.Do(ctx, "start", func(ctx context.Context, s *ops.Step) error {
		d.sandbox, err = sandbox.Start(ctx, sandbox.Options{
			Dir: dir, PathEnv: d.process.getenv("PATH"), Image: d.process.getenv("CLIPPEROPS_SANDBOX_IMAGE"),
			Ephemeral: !d.Bool("keep"), Progress: s.Progress, Note: s.Note,
		})
		if err == nil {
			s.Record(ops.Result{ID: "sandbox", Status: ops.StatusPass, Summary: sandboxSummary(d.sandbox)})
		}
		return err
	})
	run.Finish(err)
	run.Announce()
	if err != nil {
		return shownError{run.ExitCode()}
	}
	d.session, err = d.sessionOn(d.sandbox)
	return err
}

func (d *demo) sessionOn(sb *sandbox.Sandbox) (*runbook.Session, error) {
	settings, err := config.Load(config.Sources{
		Flags:    config.Flags{Environment: "staging", EnvFile: sb.EnvFile()},
		Environ:  withoutDatabase(d.process.environ),
		Dir:      sb.Dir, // no clipperops.yaml of the caller's
		Home:     d.process.getenv("HOME"),
		Username: systemUser(),
	})
	if err != nil {
		return nil, err
	}
	settings.ReportDir = filepath.Join(settings.ReportDir, "demo") // not among the reports of real databases
	s, err := d.sessionWith(settings)
	if err != nil {
		return nil, err
	}
	s.Selection = []string{"--env-file", shellescape.Quote(sb.EnvFile())}
	return s, nil
}

// withoutDatabase drops the settings that would lead to another database than
// the sandbox's.
func withoutDatabase(environ []string) []string {
	return slices.DeleteFunc(config.WithoutLibpq(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "DATABASE_URL" || name == "ENVIRONMENT" || name == "BACKUP_DIR" || strings.HasPrefix(name, "DB_")
	})
}

// write lets the application write into every moderation table.
func (d *demo) write(ctx context.Context) error {
	d.say("(the application writes into every moderation table)")
	written, err := sandbox.WriteModerationRows(ctx, d.sandbox.Target, demoRows)
	if err != nil {
		return err
	}
	l := reports.List{Columns: []string{"table", "rows"}}
	for _, t := range written {
		l.Rows = append(l.Rows, []string{t.Table, reports.Count(t.Rows)})
	}
	var text strings.Builder
	if err := l.Text(&text, d.console.Layout()); err != nil {
		return err
	}
	d.say(strings.TrimRight(text.String(), "\n"))
	return nil
}

// cleanUp removes the sandbox, unless it is to be kept.
func (d *demo) cleanUp(ctx context.Context) error {
	d.console.Close()
	if d.sandbox == nil {
		return nil
	}
	if d.Bool("keep") {
		d.console.Print("The sandbox is left running:\n" +
			"  clipperops preflight --env-file " + shellescape.Quote(d.sandbox.EnvFile()) + "\n" +
			"  clipperops sandbox stop --dir " + shellescape.Quote(d.sandbox.Dir) + "\n")
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), demoCleanup)
	defer cancel()
	if _, err := sandbox.Stop(limited, sandbox.Options{Dir: d.sandbox.Dir}); err != nil {
		return fmt.Errorf("removing the sandbox in %s: %w", d.sandbox.Dir, err)
	}
	d.console.Print("The sandbox is removed.\n")
	return nil
}
