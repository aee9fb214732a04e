package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clipper/clipperops/internal/console"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/urfave/cli/v2"
)

// How wide a help page is: as the terminal, within what reads well.
const (
	helpColumns = 80
	helpMost    = 100
	// Where the second column of a list begins: of commands, flags, examples; and on
	// a terminal that has no room for it.
	commandColumn = 14
	flagColumn    = 24
	exampleColumn = 28
	narrowColumn  = 6
)

// helpWidth is the width of the process's terminal, helpColumns without one.
func helpWidth(p process) int {
	if n := console.Detect(p.out, p.err, p.in, p.getenv).Width; n > 0 {
		return min(n, helpMost)
	}
	return helpColumns
}

// page is a help page being written.
type page struct {
	strings.Builder
	width int
}

// appHelp is the page of `clipperops help`.
func appHelp(usage string, commands []command, flags []cli.Flag, width int) string {
	b := &page{width: width}
	b.text("", "clipperops: "+usage)
	b.text("\n", "Usage: clipperops COMMAND [options] [arguments]")
	b.WriteString("\nCommands:\n")
	b.commands(append(commands, command{name: "help", usage: "the page of one command: clipperops help COMMAND"}))
	b.text("\n", "Global options (before or after anything):")
	b.globalFlags(flags)
	b.WriteString("\nFirst time here:\n")
	b.row(exampleColumn, "clipperops demo", "the whole story on a throwaway Postgres")
	b.row(exampleColumn, "clipperops sandbox start", "a throwaway Clipper to try everything on")
	b.row(exampleColumn, "clipperops preflight", "may it proceed?")
	b.WriteString("\nExit codes:\n")
	b.codes(nil)
	return b.String()
}

// help is the help page of one command.
func (c command) help(path string, flags []cli.Flag, width int) string {
	b := &page{width: width}
	b.text("", "clipperops "+path+": "+c.usage)
	usage := "Usage: clipperops " + path
	switch {
	case len(c.subcommands) > 0 && c.action == nil:
		usage += " COMMAND"
	case len(c.subcommands) > 0:
		usage += " [COMMAND]"
	}
	b.text("\n", strings.TrimSpace(usage+" [options] "+c.argsUsage))
	if c.description != "" {
		b.text("\n", c.description)
	}
	if len(c.subcommands) > 0 {
		b.WriteString("\nCommands:\n")
		b.commands(c.subcommands)
	}
	own, global := split(flags)
	if len(own) > 0 {
		b.WriteString("\nOptions:\n")
		b.flags(own)
	}
	b.WriteString("\nGlobal options:\n")
	b.globalFlags(global)
	if len(c.examples) > 0 {
		b.WriteString("\nExamples:\n  " + strings.Join(c.examples, "\n  ") + "\n")
	}
	if len(c.codes) > 0 {
		b.WriteString("\nExit codes:\n")
		b.codes(append([]ops.ExitCode{ops.ExitDone}, c.codes...))
	}
	return b.String()
}

// split tells a command's own flags from those that every command has.
func split(flags []cli.Flag) (own, global []cli.Flag) {
	for _, f := range flags {
		if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != "" {
			global = append(global, f)
		} else {
			own = append(own, f)
		}
	}
	return own, global
}

// text writes a paragraph.
func (b *page) text(before, text string) {
	b.WriteString(before + strings.Join(fold(text, b.width), "\n") + "\n")
}

// row writes a line of a list: what, and behind it what is said of it.
func (b *page) row(column int, what, text string) {
	if b.width < 3*column {
		column = narrowColumn
	}
	line := "  " + what
	for i, part := range fold(text, b.width-column) {
		if gap := column - utf8.RuneCountInString(line); i > 0 || gap >= 2 {
			line += strings.Repeat(" ", max(gap, 0))
		} else {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", column)
		}
		b.WriteString(line + part + "\n")
		line = ""
	}
}

func (b *page) commands(commands []command) {
	for _, c := range commands {
		if !c.hidden {
			b.row(commandColumn, c.name, c.usage)
		}
	}
}

func (b *page) flags(flags []cli.Flag) {
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); !ok || v.IsVisible() {
			names, usage := flagRow(f)
			b.row(flagColumn, names, usage)
		}
	}
}

func (b *page) globalFlags(flags []cli.Flag) {
	b.flags(flags)
	b.row(flagColumn, "--help, -h", "this page")
}

// flagRow is a flag as it is typed, with the word its usage has in backquotes for
// its value, and what it does.
func flagRow(flag cli.Flag) (names, usage string) {
	for _, n := range flag.Names() {
		if names != "" {
			names += ", "
		}
		names += strings.Repeat("-", min(len(n), 2)) + n
	}
	f, ok := flag.(cli.DocGenerationFlag)
	if !ok {
		return names, ""
	}
	usage = f.GetUsage()
	if f.TakesValue() {
		value := "VALUE"
		if _, ok := flag.(*cli.DurationFlag); ok {
			value = "DURATION"
		}
		if parts := strings.SplitN(usage, "`", 3); len(parts) == 3 {
			value, usage = parts[1], parts[0]+parts[1]+parts[2]
		}
		names += " " + value
		if d, ok := flag.(*cli.DurationFlag); ok && d.Value != 0 {
			usage += "; default " + strings.Replace(d.Value.String(), "m0s", "m", 1)
		}
	}
	return names, usage
}

// codes lists the meaning of the given exit codes, of all when none is given.
func (b *page) codes(codes []ops.ExitCode) {
	for _, row := range ops.ExitCodes {
		if len(codes) == 0 || slices.Contains(codes, row.Code) {
			for i, part := range fold(row.Means, b.width-7) {
				if i == 0 {
					part = fmt.Sprintf("  %3d  %s", row.Code, part)
				} else {
					part = "       " + part
				}
				b.WriteString(part + "\n")
			}
		}
	}
}

// fold breaks text into lines of at most that many columns; a longer word stands alone.
func fold(text string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= columns:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
