package main

import (
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/urfave/cli/v2"
)

// command is one verb of the command line, from which urfave's command, the help
// page and the completion are made.
type command struct {
	name, usage string
	// description is a paragraph of help under the usage line.
	description string
	// argsUsage names the positionals, e.g. "FILE"; maxArgs is how many there may be.
	argsUsage        string
	minArgs, maxArgs int
	flags            []cli.Flag
	examples         []string
	// reports says that --report is written; elsewhere it is refused.
	reports bool
	// codes are the exit codes the command can end with, beside 0.
	codes       []ops.ExitCode
	hidden      bool
	subcommands []command
	// action runs the command; nil for a command that only has subcommands.
	action func(*invocation) error
}

// commands is the whole command line, in the order help shows it.
func commands() []command {
	return []command{
		demoCommand(),
		preflightCommand(),
		backupCommand(),
		migrateCommand(),
		validateCommand(),
		rollbackCommand(),
		rolloutCommand(),
		historyCommand(),
		checksCommand(),
		configCommand(),
		schemaCommand(),
		scratchCommand(),
		sandboxCommand(),
		completionCommand(),
		docsCommand(),
		versionCommand(),
	}
}

// build turns c into urfave's form. parent is the path above it, "" at the top,
// width that of its help page.
func (c command) build(p process, parent string, width int) *cli.Command {
	path := strings.TrimSpace(parent + " " + c.name)
	flags := append(append([]cli.Flag{}, c.flags...), globalFlags()...)
	built := &cli.Command{
		Name:               c.name,
		Usage:              c.usage,
		ArgsUsage:          c.argsUsage,
		Hidden:             c.hidden,
		Flags:              flags,
		CustomHelpTemplate: c.help(path, flags, width),
		OnUsageError:       onUsageError(path),
		HideHelpCommand:    true,
		Action: func(ctx *cli.Context) error {
			return c.dispatch(ctx, p, path)
		},
	}
	for _, sub := range c.subcommands {
		built.Subcommands = append(built.Subcommands, sub.build(p, path, width))
	}
	return built
}

// dispatch checks the positionals and runs the action.
func (c command) dispatch(ctx *cli.Context, p process, path string) error {
	n := ctx.Args().Len()
	switch {
	case c.action == nil && n == 0:
		return cli.ShowSubcommandHelp(ctx)
	case len(c.subcommands) > 0 && n > c.maxArgs:
		return unknownCommand(ctx.Command.Subcommands, path, ctx.Args().First())
	case n > c.maxArgs:
		return usageError(path, "%s takes %s, and %q was left over", path, c.positionals(), ctx.Args().Get(c.maxArgs))
	case !c.reports && len(ctx.StringSlice("report")) > 0:
		return usageError(path, "%s writes no report; --output json is what a machine can read", path)
	case n < c.minArgs:
		return usageError(path, "%s needs %s", path, c.argsUsage)
	}
	return c.action(newInvocation(ctx, p, path))
}

func (c command) positionals() string {
	if c.maxArgs == 0 {
		return "no arguments"
	}
	return "only " + c.argsUsage
}
