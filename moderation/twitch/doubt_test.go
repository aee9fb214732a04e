package twitch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func attempts(n int) func(*twitch.Config) { return func(c *twitch.Config) { c.Attempts = n } }

// TestABanThatLandsBehindTheCheck guards against the answer "nothing was changed" for
// a ban that Twitch applies after it was asked, and against taking the refusal of the
// repetition for the ban's.
func TestABanThatLandsBehindTheCheck(t *testing.T) {
	for _, d := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint("before it is repeated ", d), func(t *testing.T) {
			scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
				// The attempt ends after 5 s; the pause before the next is 0.1 s at least.
				fake.Fail(twitchtest.Fault{Kind: twitchtest.Late, Delay: 5050 * time.Millisecond, Times: 1, Route: banRoute})
				r, err := c.Ban(t.Context(), owner, "1", "1", "9", "", d)
				wantNo(t, err)
				if r.Attempts != 2 || r.Checked != (d == 0) || len(fake.Bans()) != 1 {
					t.Fatalf("%+v; banned are %v", r, fake.Bans())
				}
			})
		})
		t.Run(fmt.Sprint("after it is repeated ", d), func(t *testing.T) {
			scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
				fake.Fail(twitchtest.Fault{Kind: twitchtest.Late, Delay: 8 * time.Second, Times: 1, Route: banRoute})
				r, err := c.Ban(t.Context(), owner, "1", "1", "9", "", d)
				wantNo(t, err)
				time.Sleep(10 * time.Second)
				if r.Attempts != 2 || r.Checked || len(fake.Bans()) != 1 {
					t.Fatalf("%+v; banned are %v", r, fake.Bans())
				}
			})
		})
		for _, n := range []int{1, 2} {
			t.Run(fmt.Sprintf("after all of %d attempts %s", n, d), func(t *testing.T) {
				scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
					fake.Fail(twitchtest.Fault{Kind: twitchtest.Late, Delay: time.Minute, Route: banRoute})
					_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", d)
					wantKind(t, err, twitch.Uncertain)
					if bans, checks := fake.Requests(banRoute), fake.Requests(bannedRoute); bans != n || checks != n {
						t.Fatalf("%d bans, %d checks", bans, checks)
					}
					if fake.Applied() != 0 {
						t.Fatal("it was applied before it was asked about")
					}
					time.Sleep(2 * time.Minute)
					if fake.Applied() == 0 {
						t.Fatal("it was not applied at all")
					}
				}, attempts(n))
			})
		}
	}
	t.Run("an unban", func(t *testing.T) {
		scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
			_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
			wantNo(t, err)
			fake.Fail(twitchtest.Fault{Kind: twitchtest.Late, Delay: 5050 * time.Millisecond, Times: 1, Route: unbanRoute})
			r, err := c.Unban(t.Context(), owner, "1", "1", "9")
			wantNo(t, err)
			if r.Attempts != 2 || !r.Checked || len(fake.Bans()) != 0 {
				t.Fatalf("%+v; banned are %v", r, fake.Bans())
			}
		})
	})
}

// TestAFailureThatIsAnsweredAndCheckedIsCertain: what Twitch answered 5xx, and of which
// it then said that it does not stand, was not done.
func TestAFailureThatIsAnsweredAndCheckedIsCertain(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 500, Route: banRoute})
		_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
		wantKind(t, err, twitch.Upstream)
		if bans, checks := fake.Requests(banRoute), fake.Requests(bannedRoute); bans != 2 || checks != 2 {
			t.Fatalf("%d bans, %d checks", bans, checks)
		}
	}, attempts(2))
}

// TestNoSecondBanWithoutACheck: whatever happens to the first and to the check, a
// second is sent only when Twitch has said that the first does not stand.
func TestNoSecondBanWithoutACheck(t *testing.T) {
	lost := []twitchtest.Fault{
		{Kind: twitchtest.Slow, Delay: time.Minute},
		{Kind: twitchtest.Late, Delay: time.Minute},
		{Kind: twitchtest.HangUp},
		{Kind: twitchtest.HangUpAfter},
		{Kind: twitchtest.Status, Status: 500},
		{Kind: twitchtest.StatusAfter, Status: 504},
	}
	checks := []twitchtest.Fault{
		{Kind: twitchtest.Status, Status: 401, Message: "The ID in broadcaster_id must match"},
		{Kind: twitchtest.Status, Status: 403},
		{Kind: twitchtest.Status, Status: 404},
		{Kind: twitchtest.Status, Status: 503},
		{Kind: twitchtest.HangUp},
		{Kind: twitchtest.HangUpInBody},
		{Kind: twitchtest.Slow, Delay: time.Minute},
		{Kind: twitchtest.RateLimit, ResetIn: time.Minute},
		{Kind: twitchtest.RateLimit, Bare: true},
		{Kind: twitchtest.Raw, Status: 200, Message: "<html>"},
		{Kind: twitchtest.Raw, Status: 200, Message: "{}"},
		{Kind: twitchtest.Raw, Status: 302},
	}
	for _, l := range lost {
		for i, check := range checks {
			t.Run(fmt.Sprint(l.Kind, l.Status, " then ", i, check.Kind, check.Status), func(t *testing.T) {
				scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
					l, check := l, check
					l.Route, check.Route = banRoute, bannedRoute
					fake.Fail(l)
					fake.Fail(check)
					_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", time.Hour)
					wantKind(t, err, twitch.Uncertain)
					if n := fake.Requests(banRoute); n != 1 {
						t.Fatalf("%d bans were sent", n)
					}
					if n := fake.Requests(bannedRoute); n == 0 {
						t.Fatal("nobody asked")
					}
				})
			})
		}
	}
	t.Run("a moderator, whom Twitch does not tell", func(t *testing.T) {
		scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
			fake.Fail(twitchtest.Fault{Kind: twitchtest.HangUpAfter, Route: banRoute})
			_, err := c.Ban(t.Context(), mod, "1", "2", "9", "", 0)
			wantKind(t, err, twitch.Uncertain)
			if n := fake.Requests(banRoute); n != 1 {
				t.Fatalf("%d bans were sent", n)
			}
		})
	})
}

// TestADeadlineThatEnds while an answer is waited for leaves it uncertain; before
// anything was sent it is a failure like others.
func TestADeadlineThatEnds(t *testing.T) {
	for _, kind := range []string{twitchtest.Slow, twitchtest.Late} {
		for _, cancels := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, " cancels ", cancels), func(t *testing.T) {
				scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
					fake.Fail(twitchtest.Fault{Kind: kind, Delay: 4 * time.Second, Route: banRoute})
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
					if cancels {
						ctx, cancel = context.WithCancel(t.Context())
						time.AfterFunc(2*time.Second, cancel)
					}
					defer cancel()
					began := time.Now()
					_, err := c.Ban(ctx, owner, "1", "1", "9", "", 0)
					wantKind(t, err, twitch.Uncertain)
					if took := time.Since(began); took > 3*time.Second || fake.Requests(banRoute) != 1 {
						t.Fatalf("after %s, %d requests", took, fake.Requests(banRoute))
					}
				})
			})
		}
	}
	t.Run("nothing was sent", func(t *testing.T) {
		scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := c.Ban(ctx, owner, "1", "1", "9", "", 0)
			wantKind(t, err, twitch.Canceled)
			if fake.Requests(banRoute) != 0 {
				t.Fatal("it was sent")
			}
		})
	})
}

// TestAConnectionThatIsUsedAgainRepeatsNothing guards against net/http sending a ban a
// second time by itself when a kept connection breaks.
func TestAConnectionThatIsUsedAgainRepeatsNothing(t *testing.T) {
	for _, kind := range []string{twitchtest.HangUp, twitchtest.HangUpAfter} {
		t.Run(kind, func(t *testing.T) {
			scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
				_, err := c.Ban(t.Context(), owner, "1", "1", "8", "", 0)
				wantNo(t, err)
				for _, route := range []string{banRoute, unbanRoute} {
					fake.Fail(twitchtest.Fault{Kind: kind, Route: route})
				}
				fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 401, Route: bannedRoute})
				_, err = c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
				wantKind(t, err, twitch.Uncertain)
				_, err = c.IsModerator(t.Context(), owner, "1", "2") // a connection to keep
				wantNo(t, err)
				_, err = c.Unban(t.Context(), owner, "1", "1", "8")
				wantKind(t, err, twitch.Uncertain)
				if b, u := fake.Requests(banRoute), fake.Requests(unbanRoute); b != 2 || u != 1 {
					t.Fatalf("%d bans and %d unbans were sent", b, u)
				}
			})
		})
	}
}

// TestALimitBehindAFailure: what was answered and asked about is not done, and so the
// caller is told when to come back; what was not answered stays uncertain.
func TestALimitBehindAFailure(t *testing.T) {
	for kind, uncertain := range map[string]bool{twitchtest.Status: false, twitchtest.HangUp: true} {
		t.Run(kind, func(t *testing.T) {
			scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
				fake.Fail(twitchtest.Fault{Kind: kind, Times: 1, Route: banRoute})
				fake.Fail(twitchtest.Fault{Kind: twitchtest.RateLimit, ResetIn: time.Minute, Route: banRoute})
				_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
				var limited *twitch.RateLimited
				var said *twitch.Error
				switch {
				case !uncertain:
					if !errors.As(err, &limited) || limited.RetryAfter < 59*time.Second {
						t.Fatalf("error is %v", err)
					}
				case errors.As(err, &limited), !errors.As(err, &said), said.Kind != twitch.Uncertain, said.RetryAfter < 59*time.Second:
					t.Fatalf("error is %v", err)
				}
			})
		})
	}
}
