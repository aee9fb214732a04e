package twitch_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func TestBanTimeoutRetimePermanentUnban(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		ctx := t.Context()
		for _, d := range []time.Duration{10 * time.Minute, 20 * time.Minute, 0} {
			r, err := c.Ban(ctx, mod, "1", "2", "9", strings.Repeat("é", 500), d)
			wantNo(t, err)
			if (d == 0) != r.EndTime.IsZero() || r.CreatedAt.IsZero() || r.Attempts != 1 {
				t.Fatalf("%s: %+v", d, r)
			}
		}
		_, err := c.Ban(ctx, mod, "1", "2", "9", "", time.Minute)
		wantKind(t, err, twitch.AlreadyBanned)
		_, err = c.Unban(ctx, mod, "1", "2", "9")
		wantNo(t, err)
		_, err = c.Unban(ctx, mod, "1", "2", "9")
		wantKind(t, err, twitch.NotBanned)
		_, err = c.Ban(ctx, owner, "1", "1", "1", "", 0)
		wantKind(t, err, twitch.NotBannable)
		if fake.Applied() != 4 {
			t.Fatalf("%d changes", fake.Applied())
		}
	})
}

// TestNothingWrongIsSent guards against asking Twitch what it is known to refuse.
func TestNothingWrongIsSent(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		for _, bad := range []struct {
			user, reason string
			d            time.Duration
		}{{"", "", 0}, {"9&x=1", "", 0}, {"9", strings.Repeat("é", 501), 0}, {"9", "\xff", 0}, {"9", "", -1}, {"9", "", time.Millisecond}, {"9", "", twitch.MaxDuration + time.Second}} {
			_, err := c.Ban(t.Context(), owner, "1", "1", bad.user, bad.reason, bad.d)
			wantKind(t, err, twitch.Invalid)
		}
		if n := fake.Requests(banRoute); n != 0 {
			t.Fatalf("%d requests", n)
		}
	})
}

func TestRefusals(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		fake.AddToken(twitchtest.Token{Access: "bare", UserID: "3"})
		fake.AddToken(twitchtest.Token{Access: "stranger", UserID: "4", Scopes: []string{twitch.ScopeManageBans}})
		for _, x := range []struct {
			token, moderator string
			want             twitch.Kind
		}{{"nobody", "3", twitch.Unauthorized}, {"bare", "3", twitch.MissingScope}, {"stranger", "2", twitch.Unauthorized}, {"stranger", "4", twitch.NotModerator}} {
			_, err := c.Ban(t.Context(), twitch.NewToken(x.token), "1", x.moderator, "9", "", 0)
			wantKind(t, err, x.want)
		}
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 401, Message: "The user in moderator_id is not one of the broadcaster's moderators."})
		_, err := c.Ban(t.Context(), mod, "1", "2", "9", "", 0)
		wantKind(t, err, twitch.NotModerator)
		if n := fake.Requests(banRoute); n != 5 {
			t.Fatalf("%d requests: a refusal was repeated", n)
		}
	})
}

// TestAppliedOnce guards against a ban or unban that was applied being sent again.
func TestAppliedOnce(t *testing.T) {
	for _, f := range []twitchtest.Fault{
		{Kind: twitchtest.HangUpAfter}, {Kind: twitchtest.StatusAfter, Status: 502}, {Kind: twitchtest.HangUpInBody}, {Kind: twitchtest.OddModerator},
	} {
		for _, d := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprint(f.Kind, d), func(t *testing.T) {
				scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
					f := f
					f.Times, f.Route = 1, banRoute
					fake.Fail(f)
					r, err := c.Ban(t.Context(), owner, "1", "1", "9", "", d)
					wantNo(t, err)
					lost := f.Kind == twitchtest.HangUpAfter || f.Kind == twitchtest.StatusAfter
					if fake.Requests(banRoute) != 1 || fake.Applied() != 1 || r.Checked != lost {
						t.Fatalf("%d requests, %d changes, %+v", fake.Requests(banRoute), fake.Applied(), r)
					}
					f.Route = unbanRoute
					fake.Fail(f)
					if f.Kind == twitchtest.HangUpInBody {
						return // 204 has no body
					}
					_, err = c.Unban(t.Context(), owner, "1", "1", "9")
					wantNo(t, err)
					if fake.Requests(unbanRoute) != 1 || fake.Applied() != 2 {
						t.Fatalf("%d requests, %d changes", fake.Requests(unbanRoute), fake.Applied())
					}
				})
			})
		}
	}
}

func TestRepeatedWhenNotApplied(t *testing.T) {
	for _, f := range []twitchtest.Fault{
		{Kind: twitchtest.HangUp, Times: 2},
		{Kind: twitchtest.Status, Status: 503, Times: 2},
		{Kind: twitchtest.Status, Status: 409, Times: 2},
		{Kind: twitchtest.Slow, Delay: time.Minute, Times: 1},
	} {
		t.Run(fmt.Sprint(f.Kind, f.Status), func(t *testing.T) {
			scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
				f.Route = banRoute
				fake.Fail(f)
				r, err := c.Ban(t.Context(), owner, "1", "1", "9", "", time.Hour)
				wantNo(t, err)
				if r.Attempts != f.Times+1 || fake.Applied() != 1 {
					t.Fatalf("%+v, %d changes", r, fake.Applied())
				}
				checks := fake.Requests("GET /helix/moderation/banned")
				if (f.Status == 409) != (checks == 0) {
					t.Fatalf("%d checks", checks)
				}
			})
		})
	}
}

// TestUncertain guards against repeating what cannot be checked, and against calling it failed.
func TestUncertain(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		fake.Fail(twitchtest.Fault{Kind: twitchtest.HangUpAfter, Route: banRoute})
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 401, Route: "GET /helix/moderation/banned"})
		_, err := c.Ban(t.Context(), mod, "1", "2", "9", "", 0)
		wantKind(t, err, twitch.Uncertain)
		if n := fake.Requests(banRoute); n != 1 {
			t.Fatalf("%d requests", n)
		}
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	scene(t, func(t *testing.T, fake *twitchtest.Server, c *twitch.Client) {
		fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 409, Route: banRoute})
		_, err := c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
		wantKind(t, err, twitch.Conflict)
		if n := fake.Requests(banRoute); n != 4 {
			t.Fatalf("%d requests", n)
		}
	})
}

// TestSecretsStayIn guards against a token in an error, whoever put it there.
func TestSecretsStayIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/oauth2/validate":
				w.Header().Set("Location", "http://elsewhere/")
				w.WriteHeader(http.StatusFound)
			default:
				_ = r.ParseForm()
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = fmt.Fprint(w, r.Header, r.Form)
		})
		serve(t, echo, func(c *twitch.Client) {
			_, first := c.Ban(t.Context(), owner, "1", "1", "9", "", 0)
			_, second := c.Validate(t.Context(), owner)
			_, third := c.Refresh(t.Context(), owner)
			wantKind(t, second, twitch.Redirected)
			for _, err := range []error{first, second, third} {
				if text := fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)); err == nil || strings.Contains(text, owner.Reveal()) || !strings.Contains(text, "****") {
					t.Errorf("error is %s", text)
				}
			}
			if text := fmt.Sprintf("%v %+v %#v %s", owner, owner, owner, owner); strings.Contains(text, owner.Reveal()) {
				t.Error(text)
			}
		})
	})
}
