package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
)

// dumpError is a pg_dump that did not end well.
type dumpError struct {
	exit     error
	messages []string
	holders  []Holder
}

func (e *dumpError) Error() string {
	if len(e.messages) > 0 {
		return "pg_dump stopped: " + e.messages[0]
	}
	return "pg_dump stopped: " + e.exit.Error()
}

func (e *dumpError) Unwrap() error { return e.exit }

// copySchema pipes the schema of the source, as its snapshot has it, into the clone.
func (m *making) copySchema(ctx context.Context, into config.Target) error {
	child, stop := context.WithCancel(ctx)
	defer stop()
	said := NewMessages("pg_dump")
	cmd := m.r.Programs.Dump.As(m.dumpSession()+m.r.Application).Command(child, m.r.Source, m.dumpArguments()...)
	cmd.Stderr = said
	sql, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", m.r.Programs.Dump, err)
	}
	warnings, fed := FeedDump(ctx, m.at.Programs.Psql, DumpScript{
		SQL: sql, Name: "the schema of " + m.r.Source.Database, Into: into, Major: m.server.Major(),
		Application: m.r.Application, Explain: true, Replace: m.versions,
	})
	var damaged *DamagedDump
	cutShort := errors.As(fed, &damaged)
	if fed != nil && !cutShort {
		stop() // nobody reads any more
	}
	exit := cmd.Wait()
	said.Flush()
	if ctx.Err() != nil {
		m.endDump(ctx)
		return errors.Join(ctx.Err(), fed)
	}
	if fed != nil && !cutShort {
		m.endDump(ctx)
		return fed
	}
	if exit != nil || len(said.Errors()) > 0 {
		e := &dumpError{exit: exit, messages: slices.Concat(said.Errors(), said.Warnings())}
		e.holders = m.exclusiveHolders(ctx)
		return e
	}
	m.clone.Warnings = append(m.clone.Warnings, slices.Concat(said.Warnings(), plainWarnings(warnings))...)
	return fed
}

// dumpSession begins the application_name of pg_dump's session: no other has the
// pid of our connection to the source in it.
func (m *making) dumpSession() string {
	return fmt.Sprintf("pg_dump [%d] for ", m.source.conn.PgConn().PID())
}

// endDump ends pg_dump's session, should it live on.
func (m *making) endDump(ctx context.Context) {
	EndSessions(ctx, m.r.Source, m.dumpSession(), m.r.Application)
}

// dumpArguments ask for all of the schema. Subscriptions are left out: one that
// is made would connect to its publisher.
func (m *making) dumpArguments() []string {
	args := []string{
		"--schema-only", "--no-subscriptions", "--no-password",
		"--snapshot=" + m.source.snapshot,
		"--lock-wait-timeout=" + strconv.FormatInt(m.r.LockWait.Milliseconds(), 10),
	}
	if !m.at.Tablespaces {
		args = append(args, "--no-tablespaces")
	}
	for _, schema := range m.r.Without {
		args = append(args, "--exclude-schema="+pgx.Identifier{schema}.Sanitize())
	}
	return args
}

// exclusiveHolders are those who keep pg_dump from reading a table now.
func (m *making) exclusiveHolders(ctx context.Context) []Holder {
	rows, err := m.keeper.Query(ctx, `
		SELECT DISTINCT a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''), coalesce(a.state, '')
		  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
		 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
		   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = $1)`, m.r.Source.Database)
	if err != nil || !m.at.Same {
		return nil
	}
	defer rows.Close()
	var holders []Holder
	for rows.Next() {
		var h Holder
		if rows.Scan(&h.PID, &h.User, &h.Application, &h.State) == nil {
			holders = append(holders, h)
		}
	}
	return holders
}

// withoutLocations leaves out where in its own source code the server said it.
func withoutLocations(messages []string) []string {
	return slices.DeleteFunc(slices.Clone(messages), func(m string) bool { return strings.HasPrefix(m, "LOCATION:  ") })
}

// plainWarnings are the server's own words, without psql's marks.
func plainWarnings(messages []string) []string {
	var plain []string
	for _, m := range messages {
		if found := verboseMessage.FindStringSubmatch(m); found != nil {
			plain = append(plain, found[2])
		}
	}
	return plain
}
