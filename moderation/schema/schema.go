package schema

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/moderation/database"
)

// Needed is the version of Clipper's schema from which on the service works: that
// of the moderation release's last migration.
const Needed = 97

//go:embed setup.sql
var setup string

// lock keeps two setups from running at once; a constant of this service.
const lock int64 = 0x6d6f646170690001

// Setup makes the service's own tables, where they are not there yet. It needs the
// right to create a schema; the service itself does not.
func Setup(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lock); err != nil {
			return err
		}
		// IF NOT EXISTS says so for everything that is there already; nobody needs that.
		if _, err := tx.Exec(ctx, `SET LOCAL client_min_messages = warning`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setup); err != nil {
			return fmt.Errorf("making the tables of the moderation API: %w; nothing was made", err)
		}
		return nil
	})
}

// State is what stands in the database.
type State struct {
	Version int64 // of Clipper's schema; -1 when no migration has run
	Dirty   bool  // a migration stopped half way
	Own     bool  // the service's own tables are there
}

// Problem says what the service lacks, and what to type; "" when it can work.
func (s State) Problem() string {
	switch {
	case s.Version < 0:
		return fmt.Sprintf("no migration has run in this database; the service needs version %d: clipperops migrate", Needed)
	case s.Dirty:
		return fmt.Sprintf("a migration stopped half way at version %d: clipperops migrate repair", s.Version)
	case s.Version < Needed:
		return fmt.Sprintf("the database is at version %d, the service needs %d: clipperops migrate", s.Version, Needed)
	case !s.Own:
		return "the service's own tables are missing: moderation-api setup"
	}
	return ""
}

// Read says what stands in the database.
func Read(ctx context.Context, pool *database.Pool) (State, error) {
	var s State
	err := pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT to_regclass('moderation_api.twitch_tokens') IS NOT NULL AND to_regclass('moderation_api.ban_operations') IS NOT NULL`).Scan(&s.Own); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT version, dirty FROM schema_migrations LIMIT 1`).Scan(&s.Version, &s.Dirty)
	})
	var server *pgconn.PgError
	if errors.Is(err, pgx.ErrNoRows) || (errors.As(err, &server) && server.Code == "42P01") {
		return State{Version: -1, Own: s.Own}, nil
	}
	return s, err
}
