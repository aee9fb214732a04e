package bans_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// Guards against controls shown to somebody whom Do would refuse: May and the
// operation must come to one answer, with no pool and no audit log touched by May.
func TestMayIsWhatDoWouldSay(t *testing.T) {
	t.Parallel()
	const channel, owned, moderates, stranger = "100", "150", "200", "300"
	fake := twitchtest.New(twitchtest.Options{})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	client, err := twitch.New(twitch.Config{URL: server.URL + "/helix", AuthURL: server.URL + "/oauth2", ClientID: "client"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	fake.AddModerator(channel, moderates)

	var file strings.Builder
	someone := func(twitchID string, role identity.Role, scopes ...string) identity.User {
		user := identity.User{ID: uuid.New(), Role: role, TwitchID: twitchID}
		if len(scopes) > 0 {
			access := user.ID.String()
			fake.AddToken(twitchtest.Token{Access: access, UserID: twitchID, Scopes: scopes})
			file.WriteString(user.ID.String() + " " + twitchID + " " + access + " " + strings.Join(scopes, ",") + "\n")
		}
		return user
	}
	all := []string{twitch.ScopeManageBans, twitch.ScopeReadModeration}
	owner := someone(channel, "user", all...)
	someone(owned, "user", all...)
	mod := someone(moderates, "user", all...)
	outsider := someone(stranger, "user", all...)
	site := someone("400", identity.RoleModerator, all...)
	unlinked := someone("", "user")
	sessionless := someone("500", "user")
	narrow := someone("600", "user", twitch.ScopeReadModeration)
	ownOnly := someone("700", "user", twitch.ScopeChannelManageBans)
	off := someone("800", "user", all...)

	sessions, err := tokens.ReadFixed([]byte(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	service := bans.New(bans.Config{Sessions: sessions, Twitch: client, On: func(user uuid.UUID) bool { return user != off.ID }})
	for name, c := range map[string]struct {
		by      identity.User
		channel string
		want    problem.Code // "" = may
	}{
		"the broadcaster":                {owner, channel, ""},
		"a moderator of the channel":     {mod, channel, ""},
		"a moderator in another channel": {mod, owned, problem.NotModerator},
		// Twitch tells the broadcaster alone who moderates, and this one is no user of
		// Clipper's: whether it is done says Twitch when it is asked to do it, and nothing
		// of the channel is shown before.
		"a channel that cannot be asked about": {mod, "101", problem.NotModerator},
		"a stranger":                           {outsider, channel, problem.NotModerator},
		"a site moderator":                     {site, channel, problem.SiteModeratorsReadOnly},
		"the flag off":                         {off, "800", problem.FeatureDisabled},
		"no linked account":                    {unlinked, channel, problem.NotAuthenticated},
		"no session with Twitch":               {sessionless, "500", problem.NotAuthenticated},
		"no scope, in the own channel":         {narrow, "600", problem.InsufficientScopes},
		"own channel's scope, there":           {ownOnly, "700", ""},
		"own channel's scope, in another's":    {ownOnly, channel, problem.NotBroadcaster},
		"no channel":                           {owner, "", problem.InvalidRequest},
		"no Twitch id":                         {owner, "100&user_id=1", problem.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := service.May(t.Context(), c.by, c.channel)
			var got problem.Code
			if p := problem.Of(err); p != nil {
				got = p.Code
			}
			if got != c.want {
				t.Errorf("May: %q (%v), want %q", got, err, c.want)
			}
		})
	}
}
