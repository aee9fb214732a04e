package runbook

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// Session is what every flow needs to know of its caller.
type Session struct {
	Config  *config.Config
	Release *release.Release
	// Migrations holds the files, MigrationsFrom says where they come from: a
	// directory or "the embedded set".
	Migrations     fs.FS
	MigrationsFrom string

	Sink  ops.Sink
	Asker ops.Asker
	// Reports are the files the operator asked for, absolute: the ledger, which
	// notes them, is read from anywhere; what changes something also
	// leaves its report in Config.ReportDir.
	Reports []string

	// Selection are the flags with which the operator chose this database and
	// these files; a command we suggest must not lead to others.
	Selection []string
	// Given are the flags that a command we suggest needs as much as this one.
	Given Given
	// Operator and Host say who works and from where; Version is that of clipperops.
	Operator, Host, Version string
	// SearchPath is where client programs are looked for, as in $PATH; Environ is
	// what they inherit, beside the database's own variables.
	SearchPath string
	Environ    []string
	// SandboxImage is what a Docker engine runs as a throwaway server, "" for the usual.
	SandboxImage string
	// RecordTime is the clock that a rollout's record goes by: rollout.DatabaseTime; nil for Now.
	RecordTime func(context.Context, *pgx.Conn) (time.Time, error)
	// Now is the clock, NewID makes the run's unique, time-ordered id.
	Now   func() time.Time
	NewID func() string
}

// database is where the target is, "" where there is none.
func (s *Session) database() string {
	if s.Config.TargetErr != nil {
		return ""
	}
	return s.Config.Target.RedactedURL()
}

// header is the identity of a run of that command.
func (s *Session) header(command string) ops.Header {
	return ops.Header{
		ID:          s.NewID(),
		Command:     command,
		Environment: string(s.Config.Environment),
		Release:     s.Release.Name,
		Database:    s.database(),
		Operator:    s.Operator,
		Host:        s.Host,
		Version:     s.Version,
	}
}

// application is the application_name of our sessions: what, and who where. It
// is what another operator sees in pg_stat_activity.
func (s *Session) application(command string) string {
	return "clipperops " + command + " (" + s.Operator + "@" + s.Host + ")"
}

// invocation is the command an operator would type on this database, with the flags
// given to this one that matter there.
func (s *Session) invocation(command string) string {
	return "clipperops " + command + " " + strings.Join(s.address(command), " ")
}

// address are the flags that lead a command to this database and these files, and those
// it takes over from the present one.
func (s *Session) address(command string) []string {
	return slices.Concat([]string{"--env", string(s.Config.Environment)}, s.Selection, s.Given.carried(command))
}
