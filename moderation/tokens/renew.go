package tokens

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/clipper/clipperops/moderation/twitch"
)

// keeping is how long the tokens that Twitch gave for others are tried to be kept:
// they are nowhere else.
const keeping = 10 * time.Second

// renew refreshes the session, or notes why it is over; with an empty reason it may
// live on when it cannot be refreshed yet. Its context does not end with the service:
// a refresh token can be good for one use, and what comes for it must be kept.
func (v *Validator) renew(ctx context.Context, session Session, why string) error {
	switch {
	case why == "" && (session.Refresh.IsZero() || !v.may):
		return nil
	case session.Refresh.IsZero():
		return v.store.over(ctx, session, why)
	case !v.may:
		return v.store.Rejected(ctx, session, why) // until the client's secret is known again
	}
	grant, err := v.oauth.Refresh(ctx, session.Refresh)
	switch {
	case spent(err):
		return v.store.over(ctx, session, "Twitch does not refresh it any more")
	case err != nil && why == "":
		v.log.WarnContext(ctx, "a Twitch session could not be refreshed yet", slog.String("user_id", session.UserID.String()), slog.Any("error", err))
		return nil
	case err != nil:
		return &unrefreshed{err}
	}
	fresh := session
	fresh.Access, fresh.Refresh, fresh.ExpiresAt = grant.Access, grant.Refresh, grant.Expires
	if len(grant.Scopes) > 0 {
		fresh.Scopes = grant.Scopes
	}
	deadline := time.Now().Add(keeping)
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		err := v.store.renewed(ctx, session, fresh)
		if err == nil || time.Now().Add(wait).After(deadline) {
			return err
		}
		time.Sleep(wait)
	}
}

// unrefreshed says that Twitch takes a session no more and gave no other for it.
type unrefreshed struct{ err error }

func (e *unrefreshed) Error() string { return "it could not be refreshed: " + e.err.Error() }
func (e *unrefreshed) Unwrap() error { return e.err }

// spent reports whether Twitch does not take the refresh token, as opposed to the
// client that is configured.
func spent(err error) bool {
	var said *twitch.Error
	return errors.As(err, &said) && (said.Kind == twitch.Unauthorized || said.Kind == twitch.Invalid) &&
		!strings.Contains(strings.ToLower(said.Message), "client")
}
