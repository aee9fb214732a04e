package twitch_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// trip opens the API's breaker and waits until one may try.
func trip(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
	t.Helper()
	fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 500})
	for range 2 {
		_, _ = c.IsModerator(t.Context(), owner, "1", "2")
	}
	_, err := c.IsModerator(t.Context(), owner, "1", "2")
	wantKind(t, err, twitch.CircuitOpen)
	fake.Heal()
	time.Sleep(11 * time.Second)
}

// TestOneTriesWhenTheBreakerIsHalfOpen, of however many come at once; the others are
// told at once, and go through as soon as it has gone well.
func TestOneTriesWhenTheBreakerIsHalfOpen(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		trip(t, fake, c)
		before := fake.Requests(moderatorsRoute)
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Slow, Delay: 2 * time.Second, Route: moderatorsRoute, Times: 1})
		var done, open, other atomic.Int32
		var all sync.WaitGroup
		began := time.Now()
		for range 40 {
			all.Go(func() {
				switch _, err := c.IsModerator(t.Context(), owner, "1", "2"); {
				case err == nil:
					done.Add(1)
				case kind(err) == twitch.CircuitOpen && time.Since(began) < time.Second:
					open.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := fake.Requests(moderatorsRoute) - before; n != 1 || open.Load() != 39 {
			t.Errorf("while one tries %d were sent, %d were told", n, open.Load())
		}
		all.Wait()
		if done.Load() != 1 || other.Load() != 0 {
			t.Errorf("%d done, %d ended otherwise", done.Load(), other.Load())
		}
		for range 40 {
			all.Go(func() {
				_, err := c.IsModerator(t.Context(), owner, "1", "2")
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// TestATrialThatFailsOpensAgain, for as long as the first time.
func TestATrialThatFailsOpensAgain(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		trip(t, fake, c)
		before := fake.Requests(moderatorsRoute)
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 500})
		for range 8 {
			_, err := c.IsModerator(t.Context(), owner, "1", "2")
			wantKind(t, err, twitch.CircuitOpen)
		}
		if n := fake.Requests(moderatorsRoute) - before; n != 1 {
			t.Errorf("%d were sent", n)
		}
		time.Sleep(11 * time.Second)
		fake.Heal()
		_, err := c.IsModerator(t.Context(), owner, "1", "2")
		wantNo(t, err)
	})
}

// TestATrialThatItsCallerEndsIsNoTrial: the next one tries, and nobody is locked out.
func TestATrialThatItsCallerEndsIsNoTrial(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		trip(t, fake, c)
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Slow, Delay: time.Minute, Times: 3})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.IsModerator(ctx, owner, "1", "2")
			cancel()
			wantKind(t, err, twitch.Timeout)
		}
		_, err := c.IsModerator(t.Context(), owner, "1", "2")
		wantNo(t, err)
	})
}

// TestABanWhoseCheckTheBreakerRefuses is uncertain: the ban's own failure opened it.
func TestABanWhoseCheckTheBreakerRefuses(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		trip(t, fake, c)
		fake.Fail(twitchtest.Fault{Kind: twitchtest.StatusAfter, Status: 500, Route: banRoute})
		_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
		wantKind(t, err, twitch.Uncertain)
		if bans, checks := fake.Requests(banRoute), fake.Requests(bannedRoute); bans != 1 || checks != 0 || fake.Applied() != 1 {
			t.Errorf("%d bans, %d checks, %d changes", bans, checks, fake.Applied())
		}
	})
}
