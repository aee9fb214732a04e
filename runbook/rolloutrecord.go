package runbook

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/rollout"
)

// rolloutConnect bounds connecting to the record: less exposure must not wait for it.
const rolloutConnect = 5 * time.Second

// rolloutLock is how long a row of the record that somebody else holds is waited for: less
// than a change that waits for nothing has patience for, so that it hears why.
const rolloutLock = 1500 * time.Millisecond

// hasRollout refuses a release that exposes nothing.
func (s *Session) hasRollout() error {
	if s.Release.Rollout.Flag != "" {
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitUsage, What: "the release " + s.Release.Name + " has no rollout",
		State: []string{"nothing was changed"}, Next: []string{"add rollout: to the release file"},
	}
}

// connectRecord connects to where the rollout stands.
func (s *Session) connectRecord(ctx context.Context, command string, readOnly bool) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.Config.CurrentTarget(), pg.ConnOptions{
		Application: s.application(command), ReadOnly: readOnly, StatementTimeout: 10 * time.Second, LockTimeout: rolloutLock,
	})
}

// readyRecord makes the record's tables, and those of the flags where the database holds
// them, unless they are there.
func (s *Session) readyRecord(ctx context.Context, conn *pgx.Conn) (*rollout.Record, error) {
	record, err := rollout.OpenRecord(ctx, conn)
	if err == nil && s.Config.Rollout.Store == "postgres" {
		err = postgres.Setup(ctx, conn)
	}
	return record, err
}

// peek has body read the record. Nothing is made.
func (s *Session) peek(ctx context.Context, command string, body func(*rollout.Record) error) error {
	return s.reading(ctx, command, func(conn *pgx.Conn) error { return s.unreadable(body(rollout.PeekRecord(conn))) })
}
