package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpOf takes a request for help, in the order of arrange, that urfave would answer
// with nothing and success: it looks for a page of the first positional. A word that
// is no command is a mistake; what a command would have worked on is passed over.
func helpOf(app *cli.App, args []string) ([]string, error) {
	end := slices.Index(args, "--")
	if end < 0 || !slices.ContainsFunc(args[:end], func(a string) bool { return a == "--help" || a == "-h" }) {
		return args, nil
	}
	commands, path := app.Commands, []string(nil)
	for _, arg := range args[:end] {
		next := findCommand(commands, arg)
		if next == nil {
			break
		}
		commands, path = next.Subcommands, append(path, arg)
	}
	if len(commands) > 0 && end+1 < len(args) {
		return args, unknownCommand(commands, strings.Join(path, " "), args[end+1])
	}
	return args[:end], nil
}
