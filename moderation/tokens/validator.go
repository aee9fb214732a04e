package tokens

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/twitch"
)

const (
	// Hour is how often Twitch demands that a session is validated.
	Hour = time.Hour
	// soon is how long before its end a session is refreshed.
	soon = 15 * time.Minute
	// pause is between two looks at what is due.
	pause = time.Minute
)

// Round is what the validator last did.
type Round struct {
	At     time.Time // when the last round ended; zero before the first
	Failed error     // why Twitch could not be asked in it; nil when all went well
}

// OAuth is Twitch's side of sessions: a [twitch.Client].
type OAuth interface {
	Validate(ctx context.Context, access twitch.Token) (twitch.Validation, error)
	Refresh(ctx context.Context, refresh twitch.Token) (twitch.Grant, error)
}

// Validator sees to it that every session is validated at the start and every
// hour, and refreshed before it ends. Instances share the work: a session that one
// of them is at is left to it.
type Validator struct {
	store *Store
	oauth OAuth
	may   bool // refresh: the client's secret is known
	log   *slog.Logger

	mu   sync.Mutex
	last Round
}

// NewValidator validates the store's sessions, and refreshes them where the client's
// secret is known.
func NewValidator(store *Store, oauth OAuth, refreshes bool, log *slog.Logger) *Validator {
	return &Validator{store: store, oauth: oauth, may: refreshes, log: log}
}

// Last is the last round.
func (v *Validator) Last() Round {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// Run makes rounds until ctx ends.
func (v *Validator) Run(ctx context.Context) {
	for {
		err := v.Round(ctx)
		if ctx.Err() != nil {
			return
		}
		v.mu.Lock()
		v.last = Round{time.Now(), err}
		v.mu.Unlock()
		if err != nil {
			v.log.WarnContext(ctx, "Twitch sessions could not all be validated", slog.Any("error", err))
		}
		// Instances that started together do not come together every time.
		timer := time.NewTimer(pause + rand.N(pause/4))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Round validates every session that is due. It stops at the first one that Twitch
// could not be asked about: the next would fare no better.
func (v *Validator) Round(ctx context.Context) error {
	for {
		session, found, err := v.claim(ctx)
		if err != nil || !found {
			return err
		}
		if err := v.validate(ctx, session); err != nil {
			return err
		}
	}
}

// claim takes the session that has waited longest out of what is due, by saying
// that it was just looked at: no other instance asks about the same one. Should
// this one be killed before it has asked, the session is due in an hour again, and
// Twitch says what it thinks of it whenever it is used.
func (v *Validator) claim(ctx context.Context) (session Session, found bool, err error) {
	err = v.store.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var user uuid.UUID
		err := tx.QueryRow(ctx, `
			UPDATE moderation_api.twitch_tokens SET validated_at = now() WHERE user_id = (
				SELECT user_id FROM moderation_api.twitch_tokens
				WHERE invalid_reason IS NULL AND (validated_at IS NULL OR validated_at < now() - $1::interval
				   OR (refresh_token IS NOT NULL AND expires_at < now() + $2::interval AND validated_at < now() - $3::interval))
				ORDER BY validated_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED)
			RETURNING user_id`, Hour, soon, pause).Scan(&user)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		session, err = v.store.scan(tx.QueryRow(ctx, `SELECT `+sessionColumns+` FROM moderation_api.twitch_tokens WHERE user_id = $1`, user))
		if err != nil {
			// A row that does not open is nobody's session; it must not stop the others.
			v.log.ErrorContext(ctx, "ERROR moderation twitch session cannot be read", slog.String("user_id", user.String()), slog.Any("error", err))
			session = Session{UserID: user}
			return reject(ctx, tx, user, "it cannot be decrypted")
		}
		return nil
	})
	return session, found, err
}

// validate asks Twitch about one session, and renews it when that is due.
func (v *Validator) validate(ctx context.Context, session Session) error {
	if session.Access.IsZero() {
		return nil
	}
	grant, err := v.oauth.Validate(ctx, session.Access)
	switch {
	case rejected(err):
		return v.renew(ctx, session, "Twitch does not take it any more")
	case err != nil:
		return errors.Join(err, v.unclaim(ctx, session))
	case grant.UserID != session.TwitchUserID:
		return v.store.Rejected(ctx, session, "it is another Twitch user's")
	}
	session.Scopes, session.ExpiresAt = grant.Scopes, grant.Expires
	if !grant.Expires.IsZero() && time.Until(grant.Expires) < soon && v.may && !session.Refresh.IsZero() {
		return v.renew(ctx, session, "")
	}
	return v.store.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE moderation_api.twitch_tokens SET scopes = $2, expires_at = $3, validated_at = now() WHERE user_id = $1`,
			session.UserID, session.Scopes, timeOrNull(session.ExpiresAt))
		return err
	})
}

// renew refreshes the session, or notes why it is over; with an empty reason it may
// live on when it cannot be refreshed yet.
func (v *Validator) renew(ctx context.Context, session Session, over string) error {
	if session.Refresh.IsZero() || !v.may {
		return v.store.Rejected(ctx, session, over)
	}
	fresh, err := v.oauth.Refresh(ctx, session.Refresh)
	switch {
	case rejected(err):
		return v.store.Rejected(ctx, session, "Twitch does not refresh it any more")
	case err != nil && over == "":
		v.log.WarnContext(ctx, "a Twitch session could not be refreshed yet", slog.String("user_id", session.UserID.String()), slog.Any("error", err))
		return nil
	case err != nil:
		return errors.Join(err, v.unclaim(ctx, session))
	}
	session.Access, session.Refresh = fresh.Access, fresh.Refresh
	if len(fresh.Scopes) > 0 {
		session.Scopes = fresh.Scopes
	}
	session.ExpiresAt = fresh.Expires
	return v.store.Put(ctx, session)
}

// rejected reports whether Twitch does not take the token, as opposed to not
// having been asked.
func rejected(err error) bool {
	var said *twitch.Error
	return errors.As(err, &said) && (said.Kind == twitch.Unauthorized || said.Kind == twitch.Invalid)
}

// unclaim makes the session due again: Twitch could not be asked about it.
func (v *Validator) unclaim(ctx context.Context, session Session) error {
	return v.store.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE moderation_api.twitch_tokens SET validated_at = NULL WHERE user_id = $1`, session.UserID)
		return err
	})
}
