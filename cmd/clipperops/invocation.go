package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/console"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/runbook"
	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"
)

// invocation is one command on its way: its flags, its process and its terminal.
type invocation struct {
	*cli.Context
	ctx     context.Context
	path    string // "migrate status"
	process process
	console *console.Console
}

func newInvocation(c *cli.Context, p process, path string) *invocation {
	return &invocation{Context: c, ctx: c.Context, path: path, process: p}
}

// conduct runs a flow and shows its outcome: on the terminal as it happens, or as
// one JSON document at the end.
func (i *invocation) conduct(flow func(context.Context, *runbook.Session) *ops.Run) error {
	s, err := i.session()
	if err != nil {
		return err
	}
	ctx, cancel := i.deadline()
	defer cancel()
	run := flow(ctx, s)
	return shownError{i.printDocument(run)}
}

// printDocument prints the run as one JSON document where that was asked for, and returns
// the exit code: a script that gets no document must not take it for one. A reader that
// went away on purpose changes nothing of how the operation ended. Both are said.
func (i *invocation) printDocument(run *ops.Run) ops.ExitCode {
	code := run.ExitCode()
	if !i.json() {
		return code
	}
	err := reports.Write(i.process.out, reports.FormatJSON, run)
	if err == nil {
		return code
	}
	said := fmt.Sprintf("the exit code is that of the operation: %d", code)
	if code == ops.ExitDone && !errors.Is(err, syscall.EPIPE) {
		said = "the operation itself ended with 0, as is written above; what it did stays"
		code = ops.ExitFailed
	}
	printFailure(i.process, &ops.Failure{What: "the JSON document could not be printed: " + err.Error(), State: []string{said}})
	return code
}

// deadline is the command's context with --timeout, if there is one.
func (i *invocation) deadline() (context.Context, context.CancelFunc) {
	if t := i.Duration("timeout"); t > 0 {
		return context.WithTimeout(i.ctx, t)
	}
	return context.WithCancel(i.ctx)
}

func (i *invocation) json() bool { return i.String("output") == "json" }

// session reads the settings, the release and the migrations.
func (i *invocation) session() (*runbook.Session, error) {
	if err := i.checkFlags(); err != nil {
		return nil, err
	}
	settings, err := i.settings()
	if err != nil {
		return nil, err
	}
	i.console = i.terminal()
	i.console.Warn(settings.Exposed...)
	return i.sessionWith(settings)
}

// sessionWith is a session with those settings, on the invocation's console.
func (i *invocation) sessionWith(settings *config.Config) (*runbook.Session, error) {
	var err error
	s := &runbook.Session{
		Config:         settings,
		Release:        release.Moderation(),
		Migrations:     migrations.FS,
		MigrationsFrom: "the embedded set",
		Reports:        i.reportPaths(),
		Selection:      i.selection(settings),
		Given:          i.given(settings),
		Operator:       i.operator(),
		Host:           hostname(),
		Version:        version,
		SearchPath:     i.process.getenv("PATH"),
		Environ:        i.process.environ,
		SandboxImage:   i.process.getenv("CLIPPEROPS_SANDBOX_IMAGE"),
		Now:            time.Now,
		RecordTime:     rollout.DatabaseTime,
		NewID:          newID,
	}
	if settings.ReleaseFile != "" {
		if s.Release, err = loadRelease(settings); err != nil {
			return nil, err
		}
	}
	if settings.MigrationsPath != "" {
		if s.Migrations, err = migrationsIn(settings.MigrationsPath); err != nil {
			return nil, err
		}
		s.MigrationsFrom = settings.MigrationsPath
	}
	s.Sink, s.Asker = i.console, i.console
	return s, nil
}

// checkFlags refuses what no command could do anything with.
func (i *invocation) checkFlags() error {
	if o := i.String("output"); o != "text" && o != "json" {
		return usageError(i.path, "--output is text or json, not %q", o)
	}
	for _, name := range []string{"timeout", "lock-timeout", "lock-retry-for", "cancel-idle-blockers"} {
		if i.Duration(name) < 0 {
			return usageError(i.path, "--%s must not be negative", name)
		}
	}
	for _, path := range i.StringSlice("report") {
		if _, err := reports.FormatOf(path); err != nil {
			return err
		}
	}
	return nil
}

func (i *invocation) settings() (*config.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return config.Load(config.Sources{
		Flags: config.Flags{
			Environment: i.String("env"),
			EnvFile:     i.String("env-file"),
			ConfigFile:  i.String("config"),
			DatabaseURL: i.String("database-url"),
			Path:        i.String("path"),
			Release:     i.String("release"),
			BackupDir:   i.String("backup-dir"),
			ReportDir:   i.String("report-dir"),
			Rehearse:    i.String("rehearse"),
			RehearseOn:  i.String("rehearse-on"),
		},
		Environ:  i.process.environ,
		Dir:      dir,
		Home:     i.process.getenv("HOME"),
		Username: systemUser(),
	})
}

// selection repeats the flags that chose the database and the files, fit to be
// typed again. A password that stood in a URL is left out.
func (i *invocation) selection(settings *config.Config) []string {
	var flags []string
	for _, name := range []string{"env-file", "config", "database-url", "path", "release", "backup-dir"} {
		value := i.String(name)
		if value == "" {
			continue
		}
		if name == "database-url" {
			target := settings.Target
			target.Password = ""
			value = target.URL().Reveal()
		}
		flags = append(flags, "--"+name, shellescape.Quote(value))
	}
	return flags
}

// reportPaths are the files of --report, absolute.
func (i *invocation) reportPaths() []string {
	var paths []string
	for _, path := range i.StringSlice("report") {
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		paths = append(paths, path)
	}
	return paths
}

// version reads a flag that names a schema version; nil when it is not given.
func (i *invocation) version(flag string) (*uint64, error) {
	text := i.String(flag)
	if text == "" {
		return nil, nil
	}
	v, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return nil, usageError(i.path, "--%s %q is not a version: a number such as 97 or 000097", flag, text)
	}
	return &v, nil
}

// list prints what a listing command found: a table, or one JSON document.
func (i *invocation) list(l reports.List) error {
	if err := i.checkFlags(); err != nil {
		return err
	}
	if i.json() {
		return l.JSON(i.process.out)
	}
	return l.Text(i.process.out, i.terminal().Layout())
}

// terminal is the console as the process's files, its environment and the flags want it.
func (i *invocation) terminal() *console.Console { return console.New(i.consoleOptions()) }

func (i *invocation) consoleOptions() console.Options {
	o := console.Detect(i.process.out, i.process.err, i.process.in, i.process.getenv)
	if i.Bool("no-color") {
		o = o.NoColor()
	}
	o.OnlyErr = i.json()
	o.AssumeYes = i.Bool("yes")
	o.Quiet, o.Verbose = i.Bool("quiet"), i.Bool("verbose")
	return o
}

// operator is who types: the person behind sudo, where there is one.
func (i *invocation) operator() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := i.process.getenv(name); v != "" {
			return v
		}
	}
	return systemUser()
}

func newID() string { return ulid.Make().String() }

func systemUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return name
}

// printFailure shows an error that no run has shown.
func printFailure(p process, f *ops.Failure) {
	console.New(console.Detect(p.out, p.err, p.in, p.getenv)).Failure(f)
}
