package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts args into the only order urfave/cli v2 understands: the command's
// path, its flags, then its positionals. Without it, `rollout set 50 --env
// production` would silently run on staging, because everything after the first
// positional is a positional to the library.
//
// Flags of any command may stand anywhere; "--" ends them.
func arrange(app *cli.App, args []string) []string {
	takesValue := flagArity(app)
	var path, flags, positionals []string
	commands := app.Commands

	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			positionals = append(positionals, args[i+1:]...)
			break
		}
		if name, inline, ok := flagName(arg); ok {
			flags = append(flags, arg)
			if !inline && takesValue[name] && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
			continue
		}
		if next := findCommand(commands, arg); next != nil && len(positionals) == 0 {
			path = append(path, arg)
			commands = next.Subcommands
			if next.Name == "help" {
				commands = app.Commands
			}
			continue
		}
		positionals = append(positionals, arg)
	}

	arranged := append(path, flags...)
	if len(positionals) > 0 {
		if len(flags) > 0 || strings.HasPrefix(positionals[0], "-") {
			arranged = append(arranged, "--")
		}
		arranged = append(arranged, positionals...)
	}
	return arranged
}

// flagName returns the bare name of a flag argument, and whether its value is
// part of it ("--env=staging"). A lone "-" is a positional.
func flagName(arg string) (name string, inline, ok bool) {
	if len(arg) < 2 || arg[0] != '-' {
		return "", false, false
	}
	name = strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
	name, _, inline = strings.Cut(name, "=")
	return name, inline, true
}

// flagArity tells for every flag name in the app whether it takes a value. A
// name means the same in every command; a test holds us to it.
func flagArity(app *cli.App) map[string]bool {
	arity := map[string]bool{}
	note := func(flags []cli.Flag) {
		for _, f := range flags {
			_, isBool := f.(*cli.BoolFlag)
			for _, name := range f.Names() {
				arity[name] = !isBool
			}
		}
	}
	note(app.Flags)
	var walk func([]*cli.Command)
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			note(c.Flags)
			walk(c.Subcommands)
		}
	}
	walk(app.Commands)
	return arity
}

func findCommand(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}
