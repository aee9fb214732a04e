package pg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/config"
)

// DumpScript is a plain dump and the database it is to fill.
type DumpScript struct {
	// SQL is the dump, unpacked.
	SQL io.Reader
	// Name is what errors call it, e.g. a file.
	Name string
	Into config.Target
	// Major is that of the server of Into: older ones do not know every line.
	Major int
	// Application is shown to others.
	Application string
	// Explain has psql name the SQLSTATE and the statement of an error.
	Explain bool
	// Replace are lines to be given to psql as others, each where it comes first.
	Replace map[string]string
}

// DamagedDump is a dump that is not what it should be.
type DamagedDump struct{ What string }

// Error says what is wrong with it.
func (e *DamagedDump) Error() string { return e.What }

// FeedDump gives the dump to psql, all in one transaction, and returns psql's
// warnings. psql runs none of its own commands that stand in it, and a dump that
// ends before its time is not committed. Errors are a *DamagedDump, a
// *CommandError, a *PsqlError, or what reading the dump answers.
func FeedDump(ctx context.Context, psql Program, d DumpScript) ([]string, error) {
	child, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	said := NewMessages("psql")
	args := []string{
		"--no-psqlrc", "--no-password", "--quiet", "--output=/dev/null",
		"--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-",
	}
	if d.Explain {
		args = append(args, "--echo-errors", "--set=VERBOSITY=verbose")
	}
	cmd := psql.As(d.Application).Command(child, d.Into, args...)
	cmd.Stderr = said
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", psql, err)
	}
	fed := d.feed(stdin, psql.KnowsRestrict())
	if fed == nil {
		fed = stdin.Close()
	}
	if fed != nil && !errors.Is(fed, syscall.EPIPE) {
		// psql must be gone before its input ends: it takes an end, however early,
		// for the end of the script, and commits.
		stop(fed)
	}
	exit := cmd.Wait()
	said.Flush()
	if exit != nil && context.Cause(child) == nil {
		return nil, &PsqlError{exit: exit, Messages: slices.Concat(said.Errors(), said.Warnings())}
	}
	return said.Warnings(), context.Cause(child)
}

// feed copies the SQL in such a way that psql runs no command of its own: in its
// restricted mode, under a key that is not known to whoever wrote the dump, or
// watched where psql is too old to have that mode.
func (d DumpScript) feed(psql io.Writer, knowsRestrict bool) error {
	filter := lineFilter{dropTransactionTimeout: d.Major < 17, replace: d.Replace}
	if knowsRestrict {
		if _, err := io.WriteString(psql, `\restrict `+rand.Text()+"\n"); err != nil {
			return err
		}
	} else {
		filter.watch = newCommandWatch()
	}
	var end DumpEnd
	if err := filter.copy(psql, d.SQL, &end); err != nil {
		return err
	}
	if !end.Complete() {
		return &DamagedDump{d.Name + " ends before its time: the line \"" + DumpEndLine + "\" is missing"}
	}
	return nil
}

// PsqlError is a psql that did not end well.
type PsqlError struct {
	exit error
	// Messages are psql's and the server's.
	Messages []string
}

// Error is the first message.
func (e *PsqlError) Error() string {
	if len(e.Messages) > 0 {
		return "psql stopped: " + e.Messages[0]
	}
	return "psql stopped: " + e.exit.Error()
}

// Unwrap returns how the process ended.
func (e *PsqlError) Unwrap() error { return e.exit }

// StoppedCommand reports whether psql was given one of its own commands and, in
// its restricted mode, did not run it.
func (e *PsqlError) StoppedCommand() bool {
	return slices.ContainsFunc(e.Messages, func(m string) bool {
		return strings.Contains(m, "backslash commands are restricted")
	})
}

// MissingRole is the role the dump wants and the server has not.
func (e *PsqlError) MissingRole() string {
	for _, m := range e.Messages {
		if _, rest, ok := strings.Cut(m, `role "`); ok {
			if role, _, ok := strings.Cut(rest, `" does not exist`); ok {
				return role
			}
		}
	}
	return ""
}

// verboseMessage is how psql begins a message whose SQLSTATE it names:
// "psql:<stdin>:12: ERROR:  42704: role …". Severities are translated.
var verboseMessage = regexp.MustCompile(`^psql:<stdin>:\d+: \S+:  ([0-9A-Z]{5}): (.*)$`)

// SQLState is the server's code for what stopped psql, where DumpScript.Explain
// asked for it; empty when there is none.
func (e *PsqlError) SQLState() string {
	code, _, _ := e.answer()
	return code
}

// answer is the code and the text of what stopped psql, and where in Messages it
// stands: the last that has a code. Warnings have one too.
func (e *PsqlError) answer() (code, text string, at int) {
	for i, m := range slices.Backward(e.Messages) {
		if found := verboseMessage.FindStringSubmatch(m); found != nil {
			return found[1], found[2], i
		}
	}
	return "", "", 0
}
