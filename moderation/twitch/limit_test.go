package twitch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func TestRateLimitIsWaitedFor(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		for _, bare := range []bool{false, true} {
			fake.Fail(twitchtest.Fault{Kind: twitchtest.RateLimit, Times: 1, ResetIn: 5 * time.Second, Bare: bare, Broadcaster: "1"})
			began := time.Now()
			_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", time.Hour)
			wantNo(t, err)
			least := 5 * time.Second
			if bare {
				least = time.Second
			}
			if took := time.Since(began); took < least || took > least+2*time.Second {
				t.Fatalf("bare %v: took %s", bare, took)
			}
		}
	})
}

// TestRateLimitPastTheDeadline guards against waiting for what comes too late, and
// against one broadcaster's limit holding back another.
func TestRateLimitPastTheDeadline(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		fake.Fail(twitchtest.Fault{Kind: twitchtest.RateLimit, Times: 1, ResetIn: 30 * time.Second, Broadcaster: "1"})
		for range 2 {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, err := c.Ban(ctx, owner, "1", "1", "9", "", 0)
			cancel()
			var limited *twitch.RateLimited
			if !errors.As(err, &limited) || limited.RetryAfter < 29*time.Second || limited.RetryAfter > 31*time.Second || time.Since(began) > time.Second {
				t.Fatalf("after %s: %v", time.Since(began), err)
			}
		}
		if n := fake.Requests(banRoute); n != 1 {
			t.Fatalf("%d requests through a gate that is shut", n)
		}
		fake.AddModerator("5", "2")
		_, err := c.Ban(t.Context(), mod, "5", "2", "9", "", 0)
		wantNo(t, err)
	})
}

func TestBreaker(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		for range 30 { // refusals do not count
			_, err := c.IsModerator(t.Context(), twitch.NewToken("nobody"), "1", "2")
			wantKind(t, err, twitch.Unauthorized)
		}
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 500, Route: "GET /helix/moderation/moderators"})
		var err error
		for range 3 {
			_, err = c.IsModerator(t.Context(), owner, "1", "2")
		}
		wantKind(t, err, twitch.CircuitOpen)
		if n := fake.Requests("GET /helix/moderation/moderators"); n != 35 {
			t.Fatalf("%d requests", n)
		}
		_, err = c.Validate(t.Context(), owner) // another upstream
		wantNo(t, err)
		fake.Heal()
		time.Sleep(11 * time.Second)
		yes, err := c.IsModerator(t.Context(), owner, "1", "2")
		if err != nil || !yes {
			t.Fatal(yes, err)
		}
	})
}

func TestValidateAndRefresh(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		v, err := c.Validate(t.Context(), owner)
		wantNo(t, err)
		if v.UserID != "1" || v.ClientID != "client" || !v.Has(twitch.ScopeManageBans) || time.Until(v.Expires) < 3*time.Hour {
			t.Fatalf("%+v", v)
		}
		g, err := c.Refresh(t.Context(), twitch.NewToken("owner-refresh"))
		wantNo(t, err)
		_, err = c.Validate(t.Context(), owner)
		wantKind(t, err, twitch.Unauthorized)
		_, err = c.Validate(t.Context(), g.Access)
		wantNo(t, err)
		fake.Fail(twitchtest.Fault{Kind: twitchtest.HangUpAfter, Times: 1})
		_, err = c.Refresh(t.Context(), g.Refresh)
		wantKind(t, err, twitch.Uncertain)
	})
}
