package bans_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// good reports whether the session of the user with this Twitch id is not over.
func (r *room) good(twitchID string) bool {
	r.t.Helper()
	s, err := r.store.OfTwitch(r.t.Context(), twitchID)
	return err == nil && s.Invalid == ""
}

// unlink takes a user's session away from Clipper.
func (r *room) unlink(twitchID string) {
	r.t.Helper()
	r.exec("DELETE FROM moderation_api.twitch_tokens WHERE twitch_user_id = $1", twitchID)
}

func (r *room) wants(code problem.Code, as string, err error) {
	r.t.Helper()
	var got problem.Code
	if p := problem.Of(err); p != nil {
		got = p.Code
	}
	if got != code {
		r.t.Errorf("%s: %q (%v), want %q", as, got, err, code)
	}
}

// TestModeratorsAreAskedAboutWithTheBroadcastersSession: Twitch answers nobody else,
// and 401 to a question that a moderator may not ask is no word on the session.
func TestModeratorsAreAskedAboutWithTheBroadcastersSession(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.wants("", "the moderator", r.do(moderator, ban(viewer)))
	r.wants(problem.NotModerator, "the stranger", r.do(stranger, ban(unknown)))
	if with := r.askedWith(moderatorsRoute); !slices.Equal(with, []string{channel, channel}) {
		t.Errorf("who moderates was asked with the sessions of %v", with)
	}
	if with := r.askedWith(banRoute); !slices.Equal(with, []string{moderator}) {
		t.Errorf("it was banned with the sessions of %v", with)
	}
	r.wants("", "the broadcaster", r.do(channel, ban(unknown)))
	if n := len(r.askedWith(moderatorsRoute)); n != 2 {
		t.Error("it was asked whether the broadcaster moderates")
	}
	for _, id := range []string{channel, moderator, stranger} {
		if !r.good(id) {
			t.Errorf("the session of %s is lost", id)
		}
	}
}

// TestAModeratorWhoMayNotAskIsNotSignedOut: with no session of the broadcaster's that
// may ask, the operation itself is what Twitch decides on.
func TestAModeratorWhoMayNotAskIsNotSignedOut(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*room){
		"the broadcaster has linked nothing": func(r *room) { r.unlink(channel) },
		"the broadcaster's session is over": func(r *room) {
			r.fake.AddToken(twitchtest.Token{Access: "s3cret-" + channel, UserID: channel, Scopes: everyScope, ExpiresIn: -1})
		},
		"the broadcaster's session may not ask": func(r *room) { r.link(r.is(channel), everyScope[0]) },
		"Twitch says that it may not": func(r *room) {
			r.fake.AddToken(twitchtest.Token{Access: "s3cret-" + channel, UserID: channel, Scopes: everyScope[:1]})
		},
		"the broadcaster's session cannot be read": func(r *room) {
			r.exec("UPDATE moderation_api.twitch_tokens SET access_token = '\\x00' WHERE twitch_user_id = $1", channel)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			prepare(r)
			r.wants("", "the moderator", r.do(moderator, ban(viewer)))
			r.wants(problem.NotModerator, "the stranger", r.do(stranger, ban(unknown)))
			for _, id := range []string{moderator, stranger} {
				if !r.good(id) {
					t.Errorf("the session of %s is lost", id)
				}
			}
			if len(r.fake.Bans()) != 1 {
				t.Errorf("banned are %v", r.fake.Bans())
			}
		})
	}
}

// TestTheBroadcastersSessionThatIsOverIsNoted: it is not asked with again.
func TestTheBroadcastersSessionThatIsOverIsNoted(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.fake.AddToken(twitchtest.Token{Access: "s3cret-" + channel, UserID: channel, Scopes: everyScope, ExpiresIn: -1})
	for _, user := range []string{viewer, unknown} {
		r.wants("", "the moderator", r.do(moderator, ban(user)))
	}
	if with := r.askedWith(moderatorsRoute); !slices.Equal(with, []string{channel, moderator, moderator}) {
		t.Errorf("who moderates was asked with the sessions of %v", with)
	}
	if r.good(channel) {
		t.Error("the broadcaster's session, which is over, is not noted as that")
	}
}

// TestServersThatTellModerators: where the broadcaster has no session, they are asked
// with the moderator's own.
func TestServersThatTellModerators(t *testing.T) {
	t.Parallel()
	r := newRoom(t, twitchtest.Options{TellsModerators: true})
	r.unlink(channel)
	for _, user := range []string{viewer, unknown} {
		r.wants("", "the moderator", r.do(moderator, ban(user)))
	}
	if with := r.askedWith(moderatorsRoute); !slices.Equal(with, []string{moderator}) {
		t.Errorf("who moderates was asked with the sessions of %v", with)
	}
}

// TestWhoModeratesIsRememberedForHalfAMinute: yes and no alike, for this channel and
// this user; what Twitch contradicts is forgotten at once.
func TestWhoModeratesIsRememberedForHalfAMinute(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	asked := func(want int, when string) {
		t.Helper()
		if n := len(r.askedWith(moderatorsRoute)); n != want {
			t.Errorf("%s: who moderates was asked %d times, want %d", when, n, want)
		}
	}
	may := func(who string, code problem.Code) {
		t.Helper()
		r.wants(code, who, r.service.May(t.Context(), r.is(who), channel))
	}
	may(moderator, "")
	may(stranger, problem.NotModerator)
	asked(2, "at first")
	r.fake.RemoveModerator(channel, moderator)
	r.fake.AddModerator(channel, stranger)
	r.advance(30 * time.Second)
	may(moderator, "")
	may(stranger, problem.NotModerator)
	asked(2, "after 30 s")
	r.advance(time.Second)
	may(moderator, problem.NotModerator)
	may(stranger, "")
	asked(4, "after 31 s")
	r.fake.RemoveModerator(channel, stranger)
	r.wants(problem.NotModerator, "by Twitch", r.do(stranger, ban(viewer)))
	asked(4, "while it is remembered")
	r.wants(problem.NotModerator, "contradicted", r.do(stranger, ban(viewer)))
	asked(5, "after Twitch has contradicted it")
	if !r.good(stranger) || !r.good(moderator) {
		t.Error("a session is lost over it")
	}
}

// TestASessionThatTwitchRefusesIsNoted: its user is told to link the account again,
// and Twitch is not asked with it again.
func TestASessionThatTwitchRefusesIsNoted(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.fake.AddToken(twitchtest.Token{Access: "s3cret-" + moderator, UserID: moderator, Scopes: everyScope, ExpiresIn: -1})
	for range 2 {
		r.wants(problem.NotAuthenticated, "the moderator", r.do(moderator, ban(viewer)))
	}
	if n := len(r.askedWith(banRoute)); n != 1 {
		t.Errorf("Twitch was asked %d times with a session that is over", n)
	}
	if r.good(moderator) {
		t.Error("it is not noted")
	}
	if n := r.used(); n != 1 {
		t.Errorf("%d operations are used", n)
	}
	if _, err := r.store.Of(context.WithoutCancel(t.Context()), r.is(viewer).ID); !errors.Is(err, tokens.ErrNone) {
		t.Errorf("the viewer's session: %v", err)
	}
}
