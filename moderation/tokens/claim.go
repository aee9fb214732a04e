package tokens

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// claim takes the session that has waited longest out of what is due, by saying
// that it was just looked at: no other instance asks about the same one. Should
// this one be killed before it has asked, the session is due in an hour again, and
// Twitch says what it thinks of it whenever it is used.
//
// A session that somebody was refused with is due too, if it can be refreshed. One
// that ends soon is looked at in every round, unless it is to be tried later.
func (v *Validator) claim(ctx context.Context) (session Session, found bool, err error) {
	var unreadable error
	err = v.store.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var user uuid.UUID
		err := tx.QueryRow(ctx, `
			UPDATE moderation_api.twitch_tokens SET validated_at = now() WHERE user_id = (
				SELECT user_id FROM moderation_api.twitch_tokens
				WHERE (invalid_reason IS NULL OR ($5 AND refresh_token IS NOT NULL))
				  AND (validated_at IS NULL OR validated_at < now() - $1::interval
				   OR ($5 AND refresh_token IS NOT NULL AND expires_at < now() + $2::interval
				       AND validated_at < now() - $3::interval AND validated_at > now() - $4::interval))
				ORDER BY validated_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED)
			RETURNING user_id`, due, soon, pause, due-again, v.may).Scan(&user)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		session, err = v.store.scan(tx.QueryRow(ctx, `SELECT `+sessionColumns+` FROM moderation_api.twitch_tokens WHERE user_id = $1`, user))
		switch {
		case errors.Is(err, ErrUnknownKey):
			unreadable = err // whoever runs the service has to see to it; the session is good
			return nil
		case errors.Is(err, ErrUnreadable):
			v.log.ErrorContext(ctx, "ERROR moderation twitch session cannot be read", slog.String("user_id", user.String()), slog.Any("error", err))
			session = Session{UserID: user}
			return over(ctx, tx, user, "it cannot be decrypted")
		}
		return err
	})
	if err == nil {
		err = unreadable
	}
	return session, found, err
}

// later makes the session due again in a while, behind those that wait by then.
func (v *Validator) later(ctx context.Context, session Session, wait time.Duration) error {
	return v.store.pool.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE moderation_api.twitch_tokens SET validated_at = now() - $2::interval WHERE user_id = $1`, session.UserID, due-wait)
		return err
	})
}
