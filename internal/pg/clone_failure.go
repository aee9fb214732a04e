package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// nothingCloned is the state after a clone that could not be made.
var nothingCloned = []string{"the target was only read; what was begun of the clone was dropped"}

// failure makes any error of making a clone one that an operator can act on.
func (m *making) failure(ctx context.Context, err error) error {
	var made *ops.Failure
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &ops.Failure{
			Code: ops.ExitInterrupted, What: "interrupted while making the clone", State: nothingCloned,
			Next: []string{"run the same command again"}, Err: errors.Join(context.Canceled, err),
		}
	case ctx.Err() != nil:
		return &ops.Failure{
			What: "the time ran out while making the clone", State: nothingCloned,
			Next: []string{"run it again with a longer --timeout"}, Err: errors.Join(ctx.Err(), err),
		}
	case errors.As(err, &made):
		return err
	}
	f := &ops.Failure{
		What: "the clone could not be made on " + m.at.Place + ": " + err.Error(), State: nothingCloned,
		Next: append([]string{"run the same command again"}, m.at.Instead...), Err: err,
	}
	m.explain(f, err)
	return f
}

// explain puts into words what is known of the causes that matter.
func (m *making) explain(f *ops.Failure, err error) {
	var create *createError
	var psql *PsqlError
	var dump *dumpError
	var command *CommandError
	switch {
	case DiskFull(err):
		f.What = "the disk of " + m.at.Place + " is full: no room for the clone"
		f.Detail = []string{err.Error()}
		f.Next = append([]string{"free some space there"}, m.at.Instead...)
	case errors.As(err, &create):
		m.explainCreate(f, create)
	case errors.As(err, &psql):
		f.Code = ops.ExitRefused
		f.What, f.Detail = m.at.Place+" cannot hold a clone of "+m.r.Source.Database+": "+psql.sentence(), psql.excerpt()
		f.Next = m.at.Instead
	case errors.As(err, &command):
		f.Code = ops.ExitRefused
		f.What = "the schema of " + m.r.Source.Database + " may run commands on this machine: " + command.Error()
		f.Next = []string{"with a psql of August 2025 or newer (13.22, 14.19, 15.14, 16.10, 17.6) it is copied without that risk"}
	case errors.As(err, &dump):
		f.What, f.Detail = dump.Error(), dump.messages
		dump.explain(f, m.r.Source.User)
	}
}

func (m *making) explainCreate(f *ops.Failure, e *createError) {
	l := m.source.locale
	switch sqlState(e.cause) {
	case "42501":
		f.Code, f.Next = ops.ExitRefused, m.at.Instead
	case "22023", "42704", "42809", "0A000", "55000":
		f.Code = ops.ExitRefused
		f.What = fmt.Sprintf("%s cannot hold a clone of %s: it does not have the locale %s (%s, %s)",
			m.at.Place, m.r.Source.Database, l.Collate, l.Encoding, l.Provider)
		f.Detail = []string{e.cause.Error()}
		f.Next = append([]string{"install the locale there: locale -a shows those it has"}, m.at.Instead...)
	}
}

// explain names who kept pg_dump waiting; --lock-wait-timeout is a
// statement_timeout around LOCK TABLE.
func (e *dumpError) explain(f *ops.Failure, user string) {
	complaint := strings.Join(e.messages, "\n")
	if !strings.Contains(complaint, "LOCK TABLE") || !strings.Contains(complaint, "timeout") {
		if strings.Contains(complaint, "permission denied") {
			f.Next = []string{"GRANT pg_read_all_data TO " + pgx.Identifier{user}.Sanitize() + ";   (PostgreSQL 14 or newer), or run as the owner"}
		}
		return
	}
	f.What = "a table is locked, and pg_dump gave up waiting for it"
	f.Next = []string{"end the session that holds the lock, then run the same command again"}
	for _, h := range e.holders {
		f.Detail = append(f.Detail, "held by "+h.String())
		f.Next = append(f.Next, fmt.Sprintf("SELECT pg_terminate_backend(%d);   ends it", h.PID))
	}
}

// sentence is what the server said, without psql's marks.
func (e *PsqlError) sentence() string {
	if code, text, _ := e.answer(); code != "" {
		return text + " (" + code + ")"
	}
	return e.Error()
}

// excerptLines bounds how much of a failed statement is shown.
const excerptLines = 12

// excerpt is the server's message and the statement that it is about.
func (e *PsqlError) excerpt() []string {
	var lines []string
	_, _, at := e.answer()
	for _, m := range withoutLocations(e.Messages[at:]) {
		if _, statement, ok := strings.Cut(m, ": STATEMENT:  "); ok {
			m = statement
		}
		lines = append(lines, m)
	}
	return slices.Clip(lines[:min(len(lines), excerptLines)])
}
