package postgres

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed setup.sql
var setup string

// lock keeps two setups from running at once; a constant of this store.
const lock int64 = 0x666561747572_0001

// Setup makes the table, where it is not there yet. It needs the right to create a
// schema, or to create in schema clipperops.
func Setup(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lock); err != nil {
			return err
		}
		var stands bool
		err := tx.QueryRow(ctx, `SELECT to_regclass('clipperops.feature_flags') IS NOT NULL
			AND EXISTS (SELECT FROM pg_trigger WHERE tgname = 'trg_feature_flag_changed' AND tgrelid = to_regclass('clipperops.feature_flags'))`).Scan(&stands)
		if err != nil || stands {
			return err // a second setup does not lock the table that everybody reads
		}
		if _, err := tx.Exec(ctx, `SET LOCAL client_min_messages = warning`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setup); err != nil {
			return fmt.Errorf("making the table of feature flags: %w; nothing was made", err)
		}
		return nil
	})
}
