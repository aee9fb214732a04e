package bans

import (
	"context"
	"errors"
	"net/http"

	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
)

// May says whether the user may ban and unban in the channel now: nil, or the
// problem that Do would refuse with. It takes none of the user's operations and
// leaves no audit row: it is for deciding what to show, and Do asks again. Where Twitch
// does not tell who moderates the channel, Do lets Twitch decide on the operation; what
// is shown is a channel's own affair, and May refuses.
func (s *Service) May(ctx context.Context, by identity.User, broadcaster string) error {
	if err := s.admit(by); err != nil {
		return err
	}
	if !twitchID.MatchString(broadcaster) {
		return notChannel()
	}
	_, known, err := s.standing(ctx, by, broadcaster)
	if err == nil && !known {
		return problem.New(problem.NotModerator, "Twitch does not tell Clipper who moderates this channel").
			WithDetail("the broadcaster has to link the account with %s", twitch.ScopeReadModeration)
	}
	return err
}

// permit refuses who may not, and otherwise is the session to act with. What costs
// least is asked first, and Twitch last.
func (s *Service) permit(ctx context.Context, by identity.User, o Operation) (tokens.Session, error) {
	if err := s.admit(by); err != nil {
		return tokens.Session{}, err
	}
	if err := o.Validate(); err != nil {
		return tokens.Session{}, err
	}
	session, _, err := s.standing(ctx, by, o.Broadcaster)
	return session, err
}

// admit refuses those who may act in no channel: for whom the flag is off, and
// Clipper's own moderators.
func (s *Service) admit(by identity.User) error {
	if !s.On(by.ID) {
		return Disabled()
	}
	if by.Role == identity.RoleModerator {
		return problem.New(problem.SiteModeratorsReadOnly, "Clipper's moderators do not act on Twitch").
			WithDetail("the broadcaster or a moderator of the channel can")
	}
	return nil
}

// standing is the user's session, when it may ban in the channel; known says that this
// is certain, and not left to Twitch.
func (s *Service) standing(ctx context.Context, by identity.User, broadcaster string) (session tokens.Session, known bool, err error) {
	if session, err = s.session(ctx, by); err != nil {
		return session, false, err
	}
	own := session.TwitchUserID == broadcaster
	switch {
	case session.Has(twitch.ScopeManageBans), own && session.Has(twitch.ScopeChannelManageBans):
	case session.Has(twitch.ScopeChannelManageBans):
		return session, false, problem.New(problem.NotBroadcaster, "your Twitch session may moderate your own channel alone").
			WithDetail("link your account again with %s", twitch.ScopeManageBans)
	default:
		return session, false, problem.New(problem.InsufficientScopes, "your Twitch session may not ban or unban").
			WithDetail("link your account again with %s", twitch.ScopeManageBans)
	}
	if own {
		return session, true, nil
	}
	known, err = s.needModerator(ctx, session, broadcaster)
	return session, known, err
}

// Disabled is what those are told for whom the flag is off.
func Disabled() *problem.Problem {
	return problem.New(problem.FeatureDisabled, "moderating Twitch channels is not enabled for you")
}

// session is the user's session with Twitch.
func (s *Service) session(ctx context.Context, by identity.User) (tokens.Session, error) {
	none := problem.New(problem.NotAuthenticated, "you have not linked a Twitch account").WithStatus(http.StatusForbidden)
	if by.TwitchID == "" {
		return tokens.Session{}, none
	}
	session, err := s.Sessions.Of(ctx, by.ID)
	switch {
	case errors.Is(err, tokens.ErrNone):
		return session, none
	case errors.Is(err, tokens.ErrUnreadable):
		return session, problem.New(problem.Internal, "your Twitch session cannot be read here").Because(err)
	case err != nil:
		return session, err
	case session.Invalid != "":
		return session, over(session.Invalid)
	case session.TwitchUserID != by.TwitchID:
		return session, over("it is another Twitch user's")
	}
	return session, nil
}

func over(why string) *problem.Problem {
	return problem.New(problem.NotAuthenticated, "your Twitch session is over").WithStatus(http.StatusForbidden).
		WithDetail("%s; link your account again", why)
}

// needModerator refuses who does not moderate the channel, in Twitch's own word. Where
// Twitch does not tell, it is not known, and nobody is refused here: it is the user's own
// session that the operation is done with, and Twitch refuses it there.
func (s *Service) needModerator(ctx context.Context, session tokens.Session, broadcaster string) (known bool, err error) {
	moderates, known := s.memory.get(broadcaster, session.TwitchUserID)
	if !known {
		if moderates, known, err = s.askModerator(ctx, session, broadcaster); err != nil {
			return false, err
		}
		if known {
			s.memory.put(broadcaster, session.TwitchUserID, moderates)
		}
	}
	if known && !moderates {
		return true, problem.New(problem.NotModerator, "you do not moderate this channel on Twitch")
	}
	return known, nil
}

// askModerator asks Twitch with the broadcaster's own session, where Clipper has one
// that may ask, since Twitch tells the broadcaster alone who moderates a channel;
// otherwise with the user's, since servers that imitate Helix tell the moderators too.
func (s *Service) askModerator(ctx context.Context, session tokens.Session, broadcaster string) (moderates, known bool, err error) {
	owner, err := s.Sessions.OfTwitch(ctx, broadcaster)
	switch {
	case err == nil && owner.Invalid == "" && owner.Has(twitch.ScopeReadModeration):
		moderates, err = s.Twitch.IsModerator(ctx, owner.Access, broadcaster, session.TwitchUserID)
		switch kindOf(err) {
		case twitch.Unauthorized: // the broadcaster's session is over; that is not this user's doing
			s.rejected(ctx, owner)
		case twitch.MissingScope, twitch.NotModerator:
		default:
			return moderates, err == nil, s.judge(ctx, session, Operation{Broadcaster: broadcaster}, err)
		}
	case err != nil && !errors.Is(err, tokens.ErrNone) && !errors.Is(err, tokens.ErrUnreadable):
		return false, false, err
	}
	moderates, err = s.Twitch.IsModerator(ctx, session.Access, broadcaster, session.TwitchUserID)
	switch kindOf(err) {
	case twitch.Unauthorized, twitch.MissingScope:
		// Twitch says so to everybody but the broadcaster. Whether this session is over,
		// too, the operation will show.
		return false, false, nil
	case twitch.NotModerator:
		return false, true, nil
	}
	return moderates, err == nil, s.judge(ctx, session, Operation{Broadcaster: broadcaster}, err)
}

// kindOf is the kind of Twitch's error, "" when it is none of Twitch's.
func kindOf(err error) twitch.Kind {
	var said *twitch.Error
	if errors.As(err, &said) {
		return said.Kind
	}
	return ""
}
