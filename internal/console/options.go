package console

import (
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// Options say what the console writes to and how. The zero value of every field
// is the plain choice: no colour, ASCII, nobody to ask, 80 columns.
type Options struct {
	// Out takes the result of a run, Err everything else; nil discards.
	Out, Err io.Writer
	// In is where answers are read from; nil is at its end.
	In io.Reader
	// OutColor and ErrColor paint what goes to Out and to Err. Default: plain.
	OutColor, ErrColor bool
	// UTF8 allows characters beyond ASCII in marks and punctuation. Default: ASCII.
	UTF8 bool
	// Interactive says that a person sits at In and Err. Default: nobody, so that
	// every question is refused.
	Interactive bool
	// Live says that Err is a terminal on which a line can be drawn over; else
	// progress becomes a line every few seconds. Default: lines.
	Live bool
	// Width of the lines in columns. Default: 80.
	Width int
	// OnlyErr sends everything to Err, because Out is to hold a document for
	// machines. Default: the result goes to Out.
	OnlyErr bool
	// AssumeYes answers every question, saying so. Default: ask.
	AssumeYes bool
	// Quiet shows warnings, failures and the conclusion alone. Default: all.
	Quiet bool
	// Verbose shows every check with its evidence. Default: what matters.
	Verbose bool
	// Now is the clock of the live line. Default: time.Now.
	Now func() time.Time
}

// NoColor returns the options without colour.
func (o Options) NoColor() Options {
	o.OutColor, o.ErrColor = false, false
	return o
}

// Detect derives the options from the files a process was given and its
// environment: colour where a terminal is and NO_COLOR is not, UTF-8 where the
// locale says so, a live line and questions where somebody can see them. Any
// file may be nil.
func Detect(out, err, in *os.File, env func(string) string) Options {
	o := Options{UTF8: utf8Locale(env)}
	if out != nil {
		o.Out = out
	}
	if err != nil {
		o.Err = err
	}
	if in != nil {
		o.In = in
	}
	capable := env("TERM") != "dumb"
	colour := capable && env("NO_COLOR") == ""
	o.OutColor = colour && isTerminal(out)
	o.ErrColor = colour && isTerminal(err)
	o.Live = capable && isTerminal(err)
	o.Interactive = isTerminal(in) && isTerminal(err)
	o.Width = columnsOf(out, err, env)
	return o
}

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// utf8Locale follows the order in which the C library reads the locale.
func utf8Locale(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := env(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// columnsOf returns the width: an exported COLUMNS is somebody's wish, then the
// terminal's own size, then 0 for the default.
func columnsOf(out, err *os.File, env func(string) string) int {
	if n, convErr := strconv.Atoi(env("COLUMNS")); convErr == nil && n > 0 {
		return n
	}
	for _, f := range []*os.File{out, err} {
		if isTerminal(f) {
			if width, _, sizeErr := term.GetSize(int(f.Fd())); sizeErr == nil && width > 0 {
				return width
			}
		}
	}
	return 0
}
