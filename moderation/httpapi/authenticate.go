package httpapi

import (
	"context"
	"errors"

	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
)

// authenticate says whose session the token is.
func (a *api) authenticate(ctx context.Context, token string) (identity.User, error) {
	if token == "" {
		return identity.User{}, problem.New(problem.NotAuthenticated, "you are not signed in").WithDetail("send Authorization: Bearer with the session's token")
	}
	id, err := a.Verifier.Subject(ctx, token)
	var invalid *identity.InvalidToken
	if errors.As(err, &invalid) {
		return identity.User{}, problem.New(problem.NotAuthenticated, "the session is not valid").WithDetail("%s", invalid.Reason)
	}
	if err != nil {
		return identity.User{}, problem.New(problem.Unavailable, "sessions cannot be checked at the moment").Because(err)
	}
	user, err := a.Users.Lookup(ctx, id)
	switch {
	case errors.Is(err, identity.ErrUnknown):
		return identity.User{}, problem.New(problem.NotAuthenticated, "the session is not valid").WithDetail("its user does not exist any more")
	case err != nil:
		return identity.User{}, err
	case user.Banned:
		return user, problem.New(problem.UserBanned, "you are banned")
	}
	return user, nil
}
