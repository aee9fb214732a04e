package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/urfave/cli/v2"
)

// process is what the program got from its caller.
type process struct {
	in, out, err *os.File
	environ      []string
}

// getenv returns the value of an environment variable, "" when unset.
func (p process) getenv(name string) string {
	for i := len(p.environ) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(p.environ[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// run executes one command line and returns the process's exit code.
//
// The first SIGINT, SIGTERM or SIGHUP cancels the command's context, which takes it
// to a state it can describe; a second one has the system's default effect.
func run(args []string, p process) ops.ExitCode {
	ctx, stop := interruptible()
	defer stop()
	app := newApp(p)
	args, completing := asksForCompletion(args)
	if !completing {
		var err error
		if args, err = helpOf(app, arrange(app, args)); err != nil {
			return exitCode(p, args, err)
		}
	}
	err := app.RunContext(ctx, append([]string{app.Name}, args...))
	return exitCode(p, args, err)
}

// interruptible is the context that a signal cancels.
func interruptible() (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, func() {
		// A terminal that goes away says so twice, by the kernel and by the shell.
		signal.Ignore(syscall.SIGHUP)
		stop()
	})
	// A reader that went away must not kill a migration half way.
	signal.Ignore(syscall.SIGPIPE)
	return ctx, stop
}

// exitCode maps the error of a command to the exit code. A command whose run has
// been shown already returns an exit error without text; any other error is shown
// here, and is a document too for those who asked for one.
func exitCode(p process, args []string, err error) ops.ExitCode {
	var shown shownError
	switch {
	case err == nil:
		return ops.ExitDone
	case errors.As(err, &shown):
		return shown.code
	}
	failure := ops.AsFailure(err)
	printFailure(p, failure)
	if asksForJSON(args) {
		run := ops.Begin(ops.Header{ID: newID(), Command: commandWords(args), Host: hostname(), Version: version}, nil, nil)
		run.Finish(failure)
		_ = reports.Write(p.out, reports.FormatJSON, run) // stderr has said it, and the exit code does
	}
	return failure.Code
}

// asksForJSON reads --output off a command line that may not have been understood.
func asksForJSON(args []string) bool {
	for i, arg := range args {
		name, _, ok := flagName(arg)
		if ok && name == "output" {
			return strings.HasSuffix(arg, "=json") || i+1 < len(args) && args[i+1] == "json"
		}
	}
	return false
}

// commandWords are the words of the command before its first flag.
func commandWords(args []string) string {
	n := 0
	for n < len(args) && !strings.HasPrefix(args[n], "-") {
		n++
	}
	return strings.Join(args[:n], " ")
}

// shownError ends a command whose outcome the operator has already been told.
type shownError struct{ code ops.ExitCode }

func (e shownError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// usageError is a mistake on the command line: nothing was touched.
func usageError(command, format string, a ...any) error {
	return &ops.Failure{
		Code:  ops.ExitUsage,
		What:  fmt.Sprintf(format, a...),
		State: []string{"nothing was touched"},
		Next:  []string{strings.TrimSpace("clipperops "+command) + " --help"},
	}
}

func newApp(p process) *cli.App {
	const usage = "rehearse, then act: ship, prove and undo a feature with migrations and a percentage"
	width := helpWidth(p)
	app := &cli.App{
		Name:                   "clipperops",
		Usage:                  usage,
		HideVersion:            true,
		EnableBashCompletion:   true,
		UseShortOptionHandling: false,
		Suggest:                true,
		Flags:                  globalFlags(),
		Writer:                 p.out,
		ErrWriter:              p.err,
		CustomAppHelpTemplate:  appHelp(usage, commands(), globalFlags(), width),
		// The default handler calls os.Exit inside Run and skips every defer.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError(""),
		CommandNotFound: func(*cli.Context, string) {
			// The action below answers, so that the exit code is ours.
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.App.Commands, "", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range commands() {
		app.Commands = append(app.Commands, c.build(p, "", width))
	}
	return app
}

// onUsageError answers a flag that the command of that path does not understand.
func onUsageError(path string) cli.OnUsageErrorFunc {
	return func(c *cli.Context, err error, _ bool) error {
		return usageError(path, "%s", flagMessage(c, err))
	}
}

// flagMessage rewords the flag package's complaint and adds a suggestion.
func flagMessage(c *cli.Context, err error) string {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err.Error()
	}
	name = strings.TrimLeft(name, "-")
	if _, err := strconv.ParseFloat(name, 64); err == nil {
		message := "-" + name + " is taken for a flag, and there is none of that name"
		if c.Command.Name == "force" { // golang-migrate's force -1
			message += "; no version at all is called none"
		}
		return message
	}
	dashes := "--"
	if len(name) == 1 {
		dashes = "-"
	}
	message := "there is no flag " + dashes + name
	if s := cli.SuggestFlag(c.Command.Flags, name, false); s != "" {
		message += "; did you mean " + s + "?"
	}
	return message
}

func unknownCommand(known []*cli.Command, parent, name string) error {
	message := fmt.Sprintf("there is no command %q", strings.TrimSpace(parent+" "+name))
	if deeper := pathTo(known, parent, name); deeper != "" {
		message += fmt.Sprintf("; did you mean %q?", deeper)
	} else if s := cli.SuggestCommand(known, name); s != "" {
		message += "; " + strings.ToLower(s[:1]) + s[1:]
	}
	return usageError(parent, "%s", message)
}

// pathTo is the way to a command of that name further down, "" where there is none.
func pathTo(known []*cli.Command, parent, name string) string {
	for _, c := range known {
		path := strings.TrimSpace(parent + " " + c.Name)
		if findCommand(c.Subcommands, name) != nil {
			return path + " " + name
		}
		if deeper := pathTo(c.Subcommands, path, name); deeper != "" {
			return deeper
		}
	}
	return ""
}
