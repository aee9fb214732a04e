package page_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/page"
)

// Guards against users missing from their channel, or shown in another's, and
// against pages that skip or repeat somebody.
func TestUsersSeenInAChannel(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithModeration())
	pool, err := database.Open(t.Context(), database.Config{URL: target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	user := func(twitchID, name string) string {
		return pgtest.QueryValue[string](t, target, `INSERT INTO users (twitch_id, username) VALUES ($1, $2) RETURNING id::text`, twitchID, name)
	}
	clip := func(id, creator, broadcaster, channel string) string {
		return pgtest.QueryValue[string](t, target, `INSERT INTO clips (twitch_clip_id, twitch_clip_url, embed_url, title, creator_name, creator_id, broadcaster_name, broadcaster_id, created_at)
			VALUES ($1::text, $1::text, $1::text, 't', 'c', $2, $3, $4, now()) RETURNING id::text`, id, creator, broadcaster, channel)
	}
	const channel, other = "990000001", "990000002"
	owner := user(channel, "zz_owner")
	pgtest.Exec(t, target, "UPDATE users SET display_name = 'ZZ Channel' WHERE id = $1", owner)
	maker, speaker, sender := user("990000011", "zz_maker"), user("990000012", "zzxspeaker"), user("990000013", "zz%sender")
	user("990000014", "zz_absent")
	here := clip("zz-here", "990000011", "ZZ Channel", channel)
	clip("zz-there", "990000014", "ZZ Other", other)
	pgtest.Exec(t, target, `INSERT INTO comments (clip_id, user_id, content) VALUES ($1, $2, 'x')`, here, speaker)
	pgtest.Exec(t, target, `INSERT INTO clip_submissions (user_id, twitch_clip_id, twitch_clip_url, broadcaster_name) VALUES ($1, 'zz-new', 'x', 'ZZ Channel')`, sender)
	ended := func(channelID any, action, twitchID, outcome, twitch string, minutesAgo int) {
		pgtest.Exec(t, target, `INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id, channel_id, metadata, created_at)
			VALUES ($1, 'twitch_user', $2, $3, $3, $4, jsonb_build_object('outcome', $7::text, 'twitch', $8::text, 'twitch_user_id', $5::text, 'duration_seconds', 600), now() - make_interval(mins => $6))`,
			action, uuid.New(), owner, channelID, twitchID, minutesAgo, outcome, twitch)
	}
	act := func(channelID any, action, twitchID string, minutesAgo int) {
		ended(channelID, action, twitchID, "applied", "", minutesAgo)
	}
	act(auditlog.TwitchChannelID(channel), "twitch_ban_user", "990000011", 9)
	act(owner, "twitch_unban_user", "990000011", 3)
	act(auditlog.TwitchChannelID(other), "twitch_ban_user", "990000012", 1)

	list := func(q page.Query) ([]page.Person, *page.Key) {
		t.Helper()
		l, err := page.List(t.Context(), pool, q)
		if err != nil {
			t.Fatal(err)
		}
		if want := "ZZ Channel"; q.Broadcaster == channel && l.Channel != want {
			t.Errorf("the channel is called %q, want %q", l.Channel, want)
		}
		return l.People, l.Next
	}
	names := func(people []page.Person) (all []string) {
		for _, p := range people {
			all = append(all, p.Username)
		}
		slices.Sort(all)
		return all
	}
	people, next := list(page.Query{Broadcaster: channel})
	if want := []string{"zz%sender", "zz_maker", "zzxspeaker"}; !slices.Equal(names(people), want) || next != nil {
		t.Errorf("in the channel: %q, next %v; want %q and no more", names(people), next, want)
	}
	for _, p := range people {
		done := p.Last != nil
		if done != (p.ID.String() == maker) {
			t.Errorf("%s: last operation %+v", p.Username, p.Last)
		}
		if done && (p.Last.Action != "twitch_unban_user" || p.Last.Outcome != "applied" || p.Last.Seconds != 600) {
			t.Errorf("the last operation is %+v, want the later one", p.Last)
		}
	}

	// What was refused or has failed tells nothing; what may have been done, that it is
	// not known.
	last := func(twitchID string) *page.Last {
		people, _ := list(page.Query{Broadcaster: channel})
		for _, p := range people {
			if p.TwitchID == twitchID {
				return p.Last
			}
		}
		return nil
	}
	channelID := auditlog.TwitchChannelID(channel)
	ended(channelID, "twitch_ban_user", "990000011", "refused", "", 2)
	ended(channelID, "twitch_ban_user", "990000011", "failed", "not_bannable", 1)
	if l := last("990000011"); l == nil || l.Action != "twitch_unban_user" {
		t.Errorf("after a refusal and a failure the last operation is %+v", l)
	}
	ended(channelID, "twitch_ban_user", "990000012", "failed", "uncertain", 1)
	ended(channelID, "twitch_ban_user", "990000013", "attempted", "", 1)
	for _, id := range []string{"990000012", "990000013"} {
		if got, _ := last(id).Standing(time.Now()); got != page.Unknown {
			t.Errorf("%s, whose ban may have been done, is %s", id, got)
		}
	}

	if name, err := page.Name(t.Context(), pool, "990000012"); err != nil || name != "zzxspeaker" {
		t.Errorf("the user is called %q: %v", name, err)
	}
	if name, err := page.Name(t.Context(), pool, "999999999"); err != nil || name != "" {
		t.Errorf("nobody is called %q: %v", name, err)
	}
	for prefix, want := range map[string][]string{"ZZ_": {"zz_maker"}, "zz%": {"zz%sender"}, "maker": nil, "zzX": {"zzxspeaker"}} {
		if people, _ := list(page.Query{Broadcaster: channel, Prefix: prefix}); !slices.Equal(names(people), want) {
			t.Errorf("%q…: %q, want %q", prefix, names(people), want)
		}
	}

	for i := range 120 {
		pgtest.Exec(t, target, `INSERT INTO comments (clip_id, user_id, content) VALUES ($1, $2, 'x')`, here, user(fmt.Sprint(990001000+i), fmt.Sprintf("zzmany%03d", i/2)))
	}
	seen := map[uuid.UUID]int{}
	q := page.Query{Broadcaster: channel}
	for range 10 {
		people, next := list(q)
		for _, p := range people {
			seen[p.ID]++
		}
		if q.After = next; next == nil {
			break
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s stands on %d pages", id, n)
		}
	}
	if len(seen) != 123 || q.After != nil {
		t.Errorf("%d users on all pages, want 123, and an end", len(seen))
	}
}
