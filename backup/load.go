package backup

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/klauspost/pgzip"
)

// load feeds the dump to psql, all in one transaction, and returns its warnings.
func (s *restoring) load(ctx context.Context, m *Manifest) ([]string, error) {
	f, err := os.Open(s.o.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	sql, err := pgzip.NewReader(bufio.NewReaderSize(s.o.watched(ctx, f, "restore", m.Bytes), 1<<20))
	if err != nil {
		return nil, &damagedError{fmt.Sprintf("%s is not a gzip file: %v", s.o.File, err)}
	}
	defer func() { _ = sql.Close() }() // ends its read-ahead; errors came with Read

	child, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	said := &messages{program: "psql"}
	cmd := s.o.Programs.Psql.As(s.o.Application).Command(child, s.work,
		"--no-psqlrc", "--no-password", "--quiet", "--output=/dev/null",
		"--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-")
	cmd.Stderr = said
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", s.o.Programs.Psql, err)
	}
	fed := s.feed(stdin, sql)
	if fed == nil {
		fed = stdin.Close()
	}
	if fed != nil && !errors.Is(fed, syscall.EPIPE) {
		// psql must be gone before its input ends: it takes an end, however early,
		// for the end of the script, and commits.
		stop(fed)
	}
	exit := cmd.Wait()
	said.flush()
	if exit != nil && context.Cause(child) == nil {
		return nil, &psqlError{exit: exit, messages: append(said.errors, said.warnings...)}
	}
	return said.warnings, context.Cause(child)
}

// feed copies the SQL in such a way that psql runs no command of its own: in its
// restricted mode, under a key that is not known to whoever wrote the dump, or
// watched where psql is too old to have that mode.
func (s *restoring) feed(psql io.Writer, sql io.Reader) error {
	filter := lineFilter{dropTransactionTimeout: s.server.Major() < 17}
	if s.o.Programs.Psql.KnowsRestrict() {
		if _, err := io.WriteString(psql, `\restrict `+rand.Text()+"\n"); err != nil {
			return err
		}
	} else {
		filter.watch = newCommandWatch()
	}
	var end trailer
	if err := filter.copy(psql, sql, &end); err != nil {
		return err
	}
	if !end.complete() {
		return &damagedError{s.o.File + " ends before its time: the line \"" + trailerLine + "\" is missing"}
	}
	return nil
}

// psqlError is a psql that did not end well.
type psqlError struct {
	exit     error
	messages []string
}

func (e *psqlError) Error() string {
	if len(e.messages) > 0 {
		return "psql stopped: " + e.messages[0]
	}
	return "psql stopped: " + e.exit.Error()
}

func (e *psqlError) Unwrap() error { return e.exit }

// stoppedCommand reports whether psql was given one of its own commands and, in
// its restricted mode, did not run it.
func (e *psqlError) stoppedCommand() bool {
	return slices.ContainsFunc(e.messages, func(m string) bool {
		return strings.Contains(m, "backslash commands are restricted")
	})
}

// missingRole is the role the dump wants and the server has not.
func (e *psqlError) missingRole() string {
	for _, m := range e.messages {
		if _, rest, ok := strings.Cut(m, `role "`); ok {
			if role, _, ok := strings.Cut(rest, `" does not exist`); ok {
				return role
			}
		}
	}
	return ""
}
