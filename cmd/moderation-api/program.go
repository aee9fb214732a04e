package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/clipper/clipperops/moderation/httpapi"
	"github.com/clipper/clipperops/moderation/settings"
)

// The exit codes, as clipperops has them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is one run of the command line.
type program struct {
	env      settings.Environment
	environ  []string
	out, err io.Writer
}

// command is one of the program's commands.
type command struct {
	name, arguments, does string
	run                   func(p *program, ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "", "serve the API (this is what happens without a command)", (*program).serve},
		{"setup", "", "make the service's own tables; run it once with a role that may create a schema", (*program).setup},
		{"maintenance", "on|off|status", "switch writes off and on, for all instances", (*program).maintenance},
		{"openapi", "", "print the API's description (OpenAPI 3.1)", (*program).openapi},
		{"healthcheck", "", "exit 0 when the instance on this machine is ready; for containers without a shell", (*program).healthcheck},
		{"version", "", "print the version", (*program).version},
	}
}

// usageError is a mistake on the command line or in the settings.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(text string, args ...any) error { return usageError{fmt.Errorf(text, args...)} }

// run is the program without os.Exit. In the image it is also /app/maintenance: a
// program that is called by a command's name is that command.
func (p *program) run(ctx context.Context, args []string) int {
	name, rest := "serve", args[1:]
	if called := filepath.Base(args[0]); called == "maintenance" {
		name = called
	} else if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		name, rest = rest[0], rest[1:]
	}
	if name == "help" || (len(rest) == 1 && (rest[0] == "-h" || rest[0] == "-help" || rest[0] == "--help")) {
		p.help(p.out)
		return exitDone
	}
	for _, c := range commands() {
		if c.name == name {
			return p.end(c.run(p, ctx, rest))
		}
	}
	return p.end(usage("there is no command %q; moderation-api help lists them", name))
}

// end says what went wrong and gives the exit code.
func (p *program) end(err error) int {
	var mistake usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &mistake):
		_, _ = fmt.Fprintf(p.err, "moderation-api: %v\n", err)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(p.err, "moderation-api: %v\n", err)
		return exitFailed
	}
}

func (p *program) help(w io.Writer) {
	_, _ = fmt.Fprint(w, "moderation-api: Clipper's moderation API\n\nCommands:\n")
	for _, c := range commands() {
		_, _ = fmt.Fprintf(w, "  %-28s %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.does)
	}
	_, _ = fmt.Fprint(w, "\nIt is configured by the environment; docs/moderation-api.md has every variable.\nFlags of serve stand for the variables of the same name: --addr, --metrics-addr, --twitch-url,\n--twitch-auth-url, --feature-store, --feature-file.\n")
}

// noArguments refuses what a command does not take.
func noArguments(name string, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, but there is %q", name, args[0])
	}
	return nil
}

func (p *program) openapi(_ context.Context, args []string) error {
	if err := noArguments("openapi", args); err != nil {
		return err
	}
	_, err := p.out.Write(httpapi.OpenAPI)
	return err
}

func (p *program) version(_ context.Context, args []string) error {
	if err := noArguments("version", args); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.out, "moderation-api", build)
	return err
}
