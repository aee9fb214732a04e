package moderation_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// TestTenBansAnHour: of fifty at the same moment, at the service that runs, exactly
// ten pass; each of the others is told when to come back, and every one has its row.
func TestTenBansAnHour(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.New(t, pgtest.WithModeration()))
	var passed, limited atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		body := s.ban(fmt.Sprint(1000 + i))
		all.Go(func() {
			switch status, answer, _ := s.ask(s.broadcaster, "POST", banPath, body); status {
			case 200:
				passed.Add(1)
			case 429:
				limited.Add(1)
			default:
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	all.Wait()
	if passed.Load() != 10 || limited.Load() != 40 {
		t.Errorf("%d passed, %d were limited", passed.Load(), limited.Load())
	}
	if n := len(s.helix.Bans()); n != 10 {
		t.Errorf("Twitch was asked for %d bans", n)
	}
	count := func(outcome string) int {
		return pgtest.QueryValue[int](t, s.target, "SELECT count(*)::int FROM moderation_audit_logs WHERE action = 'twitch_ban_user' AND metadata->>'outcome' = $1", outcome)
	}
	if a, r := count("applied"), count("refused"); a != 10 || r != 40 {
		t.Errorf("%d rows say applied, %d refused", a, r)
	}
	// An hour later the same user may again.
	pgtest.Exec(t, s.target, "UPDATE moderation_api.ban_operations SET at = at - interval '61 minutes'")
	s.wants(200, "", s.broadcaster, "POST", banPath, s.ban("5000"))
	if n := pgtest.QueryValue[int](t, s.target, "SELECT count(*)::int FROM moderation_api.ban_operations"); n != 1 {
		t.Errorf("%d operations are kept; those of an hour ago no longer count", n)
	}
}

// TestWhoMayBan: each refusal with its code and status, and what was banned is
// unbanned again, with the ids in the query or in the body.
func TestWhoMayBan(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.New(t, pgtest.WithModeration()))
	s.wants(401, "NOT_AUTHENTICATED", [16]byte{}, "POST", banPath, s.ban("77"))
	s.wants(403, "SITE_MODERATORS_READ_ONLY", s.moderator, "POST", banPath, s.ban("77"))
	s.wants(403, "NOT_AUTHENTICATED", s.user, "POST", banPath, s.ban("77"))
	s.wants(403, "NOT_MODERATOR", s.broadcaster, "POST", banPath, `{"broadcasterID":"12345","userID":"77"}`)
	for _, body := range []string{
		`[{"broadcasterID":"1","userID":"2"}]`, `{"data":[{"broadcasterID":"1","userID":"2"}]}`, `{"broadcasterID":["1"],"userID":"2"}`,
		`{"broadcasterID":"one","userID":"2"}`, `{"broadcasterID":"1","userID":"2","duration":0}`, `{"broadcasterID":"1","userID":"2","duration":1209601}`,
	} {
		s.wants(400, "INVALID_REQUEST", s.broadcaster, "POST", banPath, body)
	}
	channel := s.twitchID(s.broadcaster)
	s.wants(200, "", s.broadcaster, "POST", banPath, fmt.Sprintf(`{"broadcasterID":%q,"userID":"77","duration":600}`, channel))
	s.wants(200, "", s.broadcaster, "POST", banPath, s.ban("77"))
	s.wants(502, "TWITCH_API_ERROR", s.broadcaster, "POST", banPath, fmt.Sprintf(`{"broadcasterID":%q,"userID":"77","duration":600}`, channel)) // banned → timeout
	s.wants(200, "", s.broadcaster, "DELETE", banPath+"?broadcasterID="+channel+"&userID=77", "")
	s.wants(200, "", s.broadcaster, "POST", banPath, s.ban("78"))
	s.wants(200, "", s.broadcaster, "DELETE", banPath, fmt.Sprintf(`{"broadcasterID":%q,"userID":"78"}`, channel))
	if left := s.helix.Bans(); len(left) != 0 {
		t.Errorf("still banned: %v", left)
	}
	s.flags.set(t, moderation.FlagTwitch, false)
	pgtest.Eventually(t, func() bool { status, _, _ := s.ask(s.broadcaster, "POST", banPath, s.ban("79")); return status == 403 }, "the flag is off")
	s.wants(403, "FEATURE_DISABLED", s.broadcaster, "POST", banPath, s.ban("79"))
	s.wants(403, "FEATURE_DISABLED", s.broadcaster, "POST", banPath, `{"broadcasterID":["1"]}`)
}

// TestAClientOfTheServiceThatHangsUp in mid-ban: the ban is done and its row says so.
func TestAClientOfTheServiceThatHangsUp(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.New(t, pgtest.WithModeration()))
	s.helix.Fail(twitchtest.Fault{Kind: twitchtest.Slow, Delay: time.Second, Route: "POST /helix/moderation/bans"})
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	r, err := http.NewRequestWithContext(ctx, "POST", s.url+banPath, strings.NewReader(s.ban("77")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", bearer(s.broadcaster))
	r.Header.Set("Content-Type", "application/json")
	answered := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = response.Body.Close()
		}
		answered <- err
	}()
	pgtest.Eventually(t, func() bool { return s.helix.Requests("POST /helix/moderation/bans") == 1 }, "Twitch is asked")
	hangUp()
	if err := <-answered; err == nil {
		t.Fatal("the client was answered before it could hang up")
	}
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[string](t, s.target, "SELECT metadata->>'outcome' FROM moderation_audit_logs WHERE action = 'twitch_ban_user'") == "applied"
	}, "the row says that it is done")
	if n := len(s.helix.Bans()); n != 1 {
		t.Errorf("%d bans stand", n)
	}
}
