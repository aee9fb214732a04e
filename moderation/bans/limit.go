package bans

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/problem"
)

// The limit: so many operations of one user within the window, over all instances.
const (
	perWindow = 10
	window    = time.Hour
)

// lockClass keeps the limit's advisory locks apart from others'; a constant of
// this service.
const lockClass int32 = 0x6d6f6462

// sweeps is how many operations that no longer count go with each that is taken. It
// is more than one, so that they become fewer however many users never come again.
const sweeps = 20

// take takes one of the user's operations in this transaction and says when that was,
// or when there will be one. The lock makes those who come at the same moment, to
// whichever instance, count one after the other; it ends with the transaction.
func take(ctx context.Context, tx pgx.Tx, user uuid.UUID) (at time.Time, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, hashtext($2))`, lockClass, user.String()); err != nil {
		return at, err
	}
	var used int
	var wait float64
	// The clock is the server's, the same for all instances. The oldest of the last
	// ten leaves the window first.
	err = tx.QueryRow(ctx, `
		SELECT count(*), coalesce(extract(epoch FROM min(at) + $3::interval - clock_timestamp()), 0)
		FROM (SELECT at FROM moderation_api.ban_operations
		      WHERE user_id = $1 AND at > clock_timestamp() - $3::interval ORDER BY at DESC LIMIT $2) last`,
		user, perWindow, window).Scan(&used, &wait)
	if err != nil {
		return at, err
	}
	if used >= perWindow {
		return at, problem.New(problem.RateLimitExceeded, "you have used your %d ban operations of this hour", perWindow).
			WithRetry(max(time.Second, time.Duration(wait*float64(time.Second))))
	}
	// Rows that another transaction is sweeping are left to it: nobody waits for them.
	if _, err := tx.Exec(ctx, `
		DELETE FROM moderation_api.ban_operations WHERE ctid IN (
			SELECT ctid FROM moderation_api.ban_operations WHERE at <= clock_timestamp() - $1::interval
			ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)`, window, sweeps); err != nil {
		return at, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO moderation_api.ban_operations (user_id, at) VALUES ($1, clock_timestamp()) RETURNING at`, user).Scan(&at)
	return at, err
}

// giveBack returns the operation that the user took then: one row, also where a clock
// that was set back gave two of them one time. That it cannot be returned costs the
// user one, and nobody else anything.
func (s *Service) giveBack(ctx context.Context, user uuid.UUID, at time.Time) {
	err := s.Pool.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			DELETE FROM moderation_api.ban_operations WHERE ctid = (
				SELECT ctid FROM moderation_api.ban_operations WHERE user_id = $1 AND at = $2 LIMIT 1 FOR UPDATE SKIP LOCKED)`, user, at)
		return err
	})
	if err != nil {
		s.Log.WarnContext(ctx, "a ban operation could not be given back", slog.String("user_id", user.String()), slog.Any("error", err))
	}
}
