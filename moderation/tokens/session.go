package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/twitch"
)

// Session is a user's session with Twitch.
type Session struct {
	UserID       uuid.UUID // Clipper's
	TwitchUserID string
	Access       twitch.Token
	Refresh      twitch.Token // zero when there is none
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

// ErrUnreadable says that a session is there and cannot be decrypted.
var ErrUnreadable = errors.New("the Twitch session cannot be decrypted")

// ErrUnknownKey is why it cannot, when its key is not here: the session is good, and
// is read again once the key is back.
var ErrUnknownKey = fmt.Errorf("%w: its key is not known here", ErrUnreadable)

// Sessions finds sessions.
type Sessions interface {
	// Of is the session of a user of Clipper; ErrNone when there is none.
	Of(ctx context.Context, user uuid.UUID) (Session, error)
	// OfTwitch is the session of a Twitch user; ErrNone when there is none.
	OfTwitch(ctx context.Context, twitchUser string) (Session, error)
	// Rejected notes that Twitch does not take the session any more. It is given the
	// session that was tried: one that was renewed meanwhile is not touched. One that
	// can be refreshed is good again after that.
	Rejected(ctx context.Context, tried Session, why string) error
}
