package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Write replaces one flag, or makes it, if it still has the expected version.
func (s *Store) Write(ctx context.Context, change featureflag.Change) (featureflag.Flag, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return featureflag.Flag{}, err
	}
	defer part(ctx, conn)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var written featureflag.Flag
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		written, err = write(ctx, tx, change)
		return err
	})
	return written, err
}

// write is one statement that changes the row only as it was read, and one more to
// say what stands there instead.
func write(ctx context.Context, tx pgx.Tx, change featureflag.Change) (featureflag.Flag, error) {
	f := change.Flag
	by := change.By
	if by == "" {
		by = "unknown"
	}
	args := []any{f.Key, f.Enabled, f.Percentage.String(), f.Users(), by}
	statement := `INSERT INTO clipperops.feature_flags (key, enabled, percentage, enabled_users, updated_by)
		VALUES ($1, $2, $3::text::numeric, $4, $5) ON CONFLICT (key) DO NOTHING RETURNING ` + columns
	if change.Expect != 0 {
		statement = `UPDATE clipperops.feature_flags SET enabled = $2, percentage = $3::text::numeric, enabled_users = $4, updated_by = $5
			WHERE key = $1 AND version = $6 RETURNING ` + columns
		args = append(args, change.Expect)
	}
	written, _, err := scan(tx.QueryRow(ctx, statement, args...))
	if !errors.Is(err, pgx.ErrNoRows) {
		if err != nil {
			err = fmt.Errorf("writing flag %s: %w; it was not changed", f.Key, explain(err))
		}
		return written, err
	}
	have, who, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM clipperops.feature_flags WHERE key = $1`, f.Key))
	if errors.Is(err, pgx.ErrNoRows) {
		have, who, err = featureflag.Flag{Key: f.Key}, "", nil // it was deleted meanwhile
	}
	if err != nil {
		return featureflag.Flag{}, explain(err)
	}
	return featureflag.Flag{}, &featureflag.Conflict{Have: have, By: who}
}
