package bans

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
)

// judge turns what Twitch refused or failed to do into what the client is told.
func (s *Service) judge(ctx context.Context, session tokens.Session, o Operation, err error) error {
	if err == nil {
		return nil
	}
	var limited *twitch.RateLimited
	if errors.As(err, &limited) {
		return problem.New(problem.RateLimitExceeded, "Twitch takes no more changes for this channel at the moment").
			WithRetry(limited.RetryAfter).Because(err)
	}
	var said *twitch.Error
	if !errors.As(err, &said) {
		return problem.New(problem.TwitchAPIError, "Twitch could not be asked").Because(err)
	}
	failed := problem.New(problem.TwitchAPIError, "Twitch could not do it").Because(err)
	switch said.Kind {
	case twitch.NotModerator:
		s.memory.forget(o.Broadcaster, session.TwitchUserID)
		return problem.New(problem.NotModerator, "you do not moderate this channel on Twitch").Because(err)
	case twitch.MissingScope:
		return problem.New(problem.InsufficientScopes, "your Twitch session may not do that").
			WithDetail("link your account again with %s", twitch.ScopeManageBans).Because(err)
	case twitch.Unauthorized:
		s.rejected(ctx, session)
		return over("Twitch does not take it any more").Because(err)
	case twitch.AlreadyBanned:
		return failed.WithDetail("the user is banned already")
	case twitch.NotBanned:
		return failed.WithDetail("the user is not banned")
	case twitch.NotBannable:
		return failed.WithDetail("this user cannot be banned in this channel")
	case twitch.Uncertain:
		return failed.WithDetail("whether it was done is not known; look in the channel before you try again").WithRetry(said.RetryAfter)
	case twitch.CircuitOpen:
		return failed.WithStatus(http.StatusServiceUnavailable).WithDetail("it has failed again and again a moment ago").WithRetry(said.RetryAfter)
	case twitch.Timeout, twitch.Unreachable, twitch.Upstream, twitch.Conflict:
		return failed.WithDetail("nothing was changed; try again")
	default:
		return failed.WithDetail("Twitch refused it: %s", said.Kind)
	}
}

// rejected notes that Twitch does not take the session any more. That it cannot be
// noted changes nothing: Twitch says the same to the next one.
func (s *Service) rejected(ctx context.Context, session tokens.Session) {
	_ = s.Sessions.Rejected(context.WithoutCancel(ctx), session, "Twitch does not take it any more")
}

// untouched reports whether Twitch has certainly done nothing because it was away or
// takes no more: such an operation is not one of the user's ten. Nobody is locked out
// for an hour because Twitch was down for a minute; the circuit breaker and the wait
// that Twitch demands keep the tries few. What may have been done is another kind,
// twitch.Uncertain.
func untouched(err error) bool {
	var limited *twitch.RateLimited
	if errors.As(err, &limited) {
		return true
	}
	var said *twitch.Error
	return errors.As(err, &said) && slices.Contains([]twitch.Kind{
		twitch.CircuitOpen, twitch.Unreachable, twitch.Timeout, twitch.Upstream, twitch.Conflict,
	}, said.Kind)
}
