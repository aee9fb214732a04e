package tokens

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The scopes that matter here.
const (
	ScopeBans        = "moderator:manage:banned_users"
	ScopeChannelBans = "channel:manage:banned_users" // in Clipper's books; for the own channel alone
	ScopeModerators  = "moderation:read"
)

// Session is a user's session with Twitch.
type Session struct {
	UserID       uuid.UUID // Clipper's
	TwitchUserID string
	Access       Token
	Refresh      Token // zero when there is none
	Scopes       []string
	ExpiresAt    time.Time // zero when it is not known
	Invalid      string    // why Twitch does not take it any more; "" = it does
}

// Has reports whether the session was granted one of the scopes.
func (s Session) Has(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(s.Scopes, scope) })
}

// ErrNone says that a user has linked no Twitch account, or that the session is
// not good any more.
var ErrNone = errors.New("no Twitch session")

// ErrRejected is what an [OAuth] says of a token that Twitch does not take.
var ErrRejected = errors.New("Twitch does not take the token")

// Grant is what Twitch says of a token.
type Grant struct {
	TwitchUserID string
	Scopes       []string
	ExpiresIn    time.Duration // 0 = never
}

// Refreshed is a new pair of tokens.
type Refreshed struct {
	Access, Refresh Token
	Scopes          []string
	ExpiresIn       time.Duration
}

// OAuth is Twitch's side of sessions. Both answer ErrRejected, wrapped or not, when
// Twitch does not take the token, and any other error when it could not be asked.
type OAuth interface {
	Validate(ctx context.Context, access Token) (Grant, error)
	Refresh(ctx context.Context, refresh Token) (Refreshed, error)
}

// Sessions finds sessions.
type Sessions interface {
	// Of is the session of a user of Clipper; ErrNone when there is none.
	Of(ctx context.Context, user uuid.UUID) (Session, error)
	// OfTwitch is the session of a Twitch user; ErrNone when there is none.
	OfTwitch(ctx context.Context, twitchUser string) (Session, error)
	// Rejected notes that Twitch does not take the session any more. It is given the
	// session that was tried: one that was renewed meanwhile is not touched.
	Rejected(ctx context.Context, tried Session, why string) error
}
