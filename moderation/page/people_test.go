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
	maker, speaker, sender := user("990000011", "zz_maker"), user("990000012", "zzxspeaker"), user("990000013", "zz%sender")
	user("990000014", "zz_absent")
	here := clip("zz-here", "990000011", "ZZ Channel", channel)
	clip("zz-there", "990000014", "ZZ Other", other)
	pgtest.Exec(t, target, `INSERT INTO comments (clip_id, user_id, content) VALUES ($1, $2, 'x')`, here, speaker)
	pgtest.Exec(t, target, `INSERT INTO clip_submissions (user_id, twitch_clip_id, twitch_clip_url, broadcaster_name) VALUES ($1, 'zz-new', 'x', 'ZZ Channel')`, sender)
	act := func(channelID any, action, twitchID string, minutesAgo int) {
		pgtest.Exec(t, target, `INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id, channel_id, metadata, created_at)
			VALUES ($1, 'twitch_user', $2, $3, $3, $4, jsonb_build_object('outcome', 'applied', 'twitch_user_id', $5::text, 'duration_seconds', 600), now() - make_interval(mins => $6))`,
			action, uuid.New(), owner, channelID, twitchID, minutesAgo)
	}
	act(auditlog.TwitchChannelID(channel), "twitch_ban_user", "990000011", 9)
	act(owner, "twitch_unban_user", "990000011", 3)
	act(auditlog.TwitchChannelID(other), "twitch_ban_user", "990000012", 1)

	list := func(q page.Query) ([]page.Person, *page.Key) {
		t.Helper()
		people, next, err := page.List(t.Context(), pool, q)
		if err != nil {
			t.Fatal(err)
		}
		return people, next
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
