package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/twitch"
)

// The kinds of token, as their encryption binds them.
const (
	kindAccess  = "access"
	kindRefresh = "refresh"
)

// Store keeps sessions in moderation_api.twitch_tokens.
type Store struct {
	pool *database.Pool
	keys *Keyring
}

// NewStore keeps sessions in this database, encrypted with these keys.
func NewStore(pool *database.Pool, keys *Keyring) *Store { return &Store{pool, keys} }

const sessionColumns = `user_id, twitch_user_id, access_token, refresh_token, key_id, scopes, expires_at, coalesce(invalid_reason, '')`

// Of is the session of a user of Clipper.
func (s *Store) Of(ctx context.Context, user uuid.UUID) (Session, error) {
	return s.one(ctx, `SELECT `+sessionColumns+` FROM moderation_api.twitch_tokens WHERE user_id = $1`, user)
}

// OfTwitch is the session of a Twitch user.
func (s *Store) OfTwitch(ctx context.Context, twitchUser string) (Session, error) {
	return s.one(ctx, `SELECT `+sessionColumns+` FROM moderation_api.twitch_tokens t
		WHERE user_id = (SELECT id FROM users WHERE twitch_id = $1) AND twitch_user_id = $1`, twitchUser)
}

func (s *Store) one(ctx context.Context, query string, args ...any) (Session, error) {
	var session Session
	err := s.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		session, err = s.scan(tx.QueryRow(ctx, query, args...))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, ErrNone
	}
	return session, err
}

// scan reads and decrypts a row.
func (s *Store) scan(row pgx.Row) (Session, error) {
	var session Session
	var access, refresh []byte
	var key string
	var expires *time.Time
	err := row.Scan(&session.UserID, &session.TwitchUserID, &access, &refresh, &key, &session.Scopes, &expires, &session.Invalid)
	if err != nil {
		return Session{}, err
	}
	if expires != nil {
		session.ExpiresAt = *expires
	}
	if session.Access, session.Refresh, err = s.open(key, session.UserID, access, refresh); err != nil && session.Invalid == "" {
		return Session{UserID: session.UserID}, err
	}
	return session, nil // one that is over is told as that, readable or not
}

// open decrypts both tokens of a row.
func (s *Store) open(key string, user uuid.UUID, sealedAccess, sealedRefresh []byte) (access, refresh twitch.Token, err error) {
	if access, err = s.keys.open(key, user, kindAccess, sealedAccess); err != nil {
		return access, refresh, err
	}
	if sealedRefresh != nil {
		refresh, err = s.keys.open(key, user, kindRefresh, sealedRefresh)
	}
	return access, refresh, err
}

// Put keeps a session, instead of the one the user had.
func (s *Store) Put(ctx context.Context, session Session) error {
	return s.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.put(ctx, tx, session) })
}

func (s *Store) put(ctx context.Context, tx pgx.Tx, session Session) error {
	access := s.keys.seal(session.UserID, kindAccess, session.Access.Reveal())
	var refresh []byte
	if !session.Refresh.IsZero() {
		refresh = s.keys.seal(session.UserID, kindRefresh, session.Refresh.Reveal())
	}
	scopes := session.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO moderation_api.twitch_tokens AS t (user_id, twitch_user_id, access_token, refresh_token, key_id, scopes, expires_at, validated_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, now(), now())
		ON CONFLICT (user_id) DO UPDATE SET twitch_user_id = $2, access_token = $3, refresh_token = $4, key_id = $5, scopes = $6,
			expires_at = $7, validated_at = now(), invalid_reason = NULL, updated_at = now()`,
		session.UserID, session.TwitchUserID, access, refresh, s.keys.Newest(), scopes, timeOrNull(session.ExpiresAt))
	return err
}

// Rejected notes that Twitch does not take the session any more. One that has a
// refresh token is due at once: the validator may make it good again.
func (s *Store) Rejected(ctx context.Context, tried Session, why string) error {
	return s.whileSame(ctx, tried, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE moderation_api.twitch_tokens SET invalid_reason = $2, updated_at = now(),
			validated_at = CASE WHEN refresh_token IS NULL THEN now() END WHERE user_id = $1`, tried.UserID, why)
		return err
	})
}

// over notes that the session is at its end: nothing makes it good but its user's
// linking the account again. What it could be refreshed with goes.
func (s *Store) over(ctx context.Context, tried Session, why string) error {
	return s.whileSame(ctx, tried, func(ctx context.Context, tx pgx.Tx) error { return over(ctx, tx, tried.UserID, why) })
}

func over(ctx context.Context, tx pgx.Tx, user uuid.UUID, why string) error {
	_, err := tx.Exec(ctx, `UPDATE moderation_api.twitch_tokens
		SET invalid_reason = $2, refresh_token = NULL, validated_at = now(), updated_at = now() WHERE user_id = $1`, user, why)
	return err
}

// renewed keeps the session that Twitch gave for the one that was tried.
func (s *Store) renewed(ctx context.Context, tried, fresh Session) error {
	return s.whileSame(ctx, tried, func(ctx context.Context, tx pgx.Tx) error { return s.put(ctx, tx, fresh) })
}

// whileSame runs fn unless the session that was tried is gone or was replaced
// meanwhile: what Twitch said of it says nothing about another.
func (s *Store) whileSame(ctx context.Context, tried Session, fn func(context.Context, pgx.Tx) error) error {
	return s.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now, err := s.scan(tx.QueryRow(ctx, `SELECT `+sessionColumns+` FROM moderation_api.twitch_tokens WHERE user_id = $1 FOR UPDATE`, tried.UserID))
		if errors.Is(err, pgx.ErrNoRows) || (err == nil && now.Access != tried.Access) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func timeOrNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
