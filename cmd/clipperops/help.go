package main

import (
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// appHelp is the page of `clipperops help`.
const appHelp = `clipperops: {{.Usage}}

Usage: clipperops COMMAND [options] [arguments]

Commands:{{range .VisibleCommands}}
  {{printf "%-12s" .Name}}{{.Usage}}{{end}}

Global options (before or after anything):{{range .VisibleFlags}}
  {{.}}{{end}}

First time here:
  clipperops demo                          the whole story on a throwaway Postgres
  clipperops sandbox start                 a throwaway Clipper to try everything on
  clipperops preflight --env staging       may it proceed?

Exit codes:
`

// help is the help page of one command.
func (c command) help(path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "clipperops %s: %s\n\nUsage: clipperops %s", path, c.usage, path)
	if len(c.subcommands) > 0 {
		if c.action == nil {
			b.WriteString(" COMMAND")
		} else {
			b.WriteString(" [COMMAND]")
		}
	}
	b.WriteString(" [options]")
	if c.argsUsage != "" {
		b.WriteString(" " + c.argsUsage)
	}
	b.WriteString("\n")
	if c.description != "" {
		b.WriteString("\n" + strings.TrimSpace(c.description) + "\n")
	}
	if len(c.subcommands) > 0 {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.subcommands {
			fmt.Fprintf(&b, "  %-12s%s\n", sub.name, sub.usage)
		}
	}
	b.WriteString("{{range .VisibleFlagCategories}}\n{{if .Name}}{{.Name}}{{else}}Options{{end}}:{{range .Flags}}\n  {{.}}{{end}}\n{{end}}")
	if len(c.examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, example := range c.examples {
			b.WriteString("  " + example + "\n")
		}
	}
	if len(c.codes) > 0 {
		b.WriteString("\nExit codes:\n" + exitCodeLines(append([]ops.ExitCode{ops.ExitDone}, c.codes...)))
	}
	return b.String()
}

// exitCodeLines lists the meaning of the given exit codes, of all when none is given.
func exitCodeLines(codes []ops.ExitCode) string {
	var b strings.Builder
	for _, row := range ops.ExitCodes {
		if len(codes) == 0 || contains(codes, row.Code) {
			fmt.Fprintf(&b, "  %3d  %s\n", row.Code, row.Means)
		}
	}
	return b.String()
}

func contains(codes []ops.ExitCode, code ops.ExitCode) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}
