package bans_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// detail is a value of the only row's metadata.
func (r *room) detail(key string) string {
	r.t.Helper()
	return pgtest.QueryValue[string](r.t, r.target, "SELECT coalesce(string_agg(metadata->>$1, ' | '), '') FROM moderation_audit_logs", key)
}

// TestAClientThatHangsUpInMidBan: the ban goes on to its end, and the row says which.
func TestAClientThatHangsUpInMidBan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   *twitchtest.Fault
		outcome auditlog.Outcome
		code    problem.Code
	}{
		"it is done":    {nil, auditlog.Applied, ""},
		"it is refused": {&twitchtest.Fault{Kind: twitchtest.Status, Status: 403, Route: banRoute}, auditlog.Refused, problem.NotModerator},
		"it fails":      {&twitchtest.Fault{Kind: twitchtest.Status, Status: 503, Route: banRoute}, auditlog.Failed, problem.TwitchAPIError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			if c.fault != nil {
				r.fake.Fail(*c.fault)
			}
			let := r.hold(banRoute)
			ctx, hangUp := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			by := r.is(channel)
			go func() { ended <- r.service.Do(ctx, by, origin, ban(viewer)) }()
			pgtest.Eventually(t, func() bool { return len(r.askedWith(banRoute)) == 1 }, "Twitch is asked")
			if r.rows(auditlog.Attempted, "") != 1 {
				t.Error("no row says that it is attempted")
			}
			hangUp()
			let()
			r.wants(c.code, name, <-ended)
			if r.rows(c.outcome, string(c.code)) != 1 || r.detail("outcome") != string(c.outcome) {
				t.Errorf("the rows say %q", r.detail("outcome"))
			}
		})
	}
}

// TestADeadlineThatEndsInMidBan: whether it was done is not known, the user is told
// that, the row says it, and it counts.
func TestADeadlineThatEndsInMidBan(t *testing.T) {
	t.Parallel()
	for _, held := range []string{banRoute, "answer to " + banRoute} {
		t.Run(held, func(t *testing.T) {
			t.Parallel()
			var r *room
			var err error
			for patience := 500 * time.Millisecond; ; patience *= 2 { // how long it takes to get to Twitch is up to the machine
				r = newRoom(t)
				r.hold(held)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				err = r.service.Do(ctx, r.is(channel), origin, ban(viewer))
				cancel()
				if len(r.askedWith(banRoute)) > 0 || patience > time.Minute {
					break
				}
			}
			if p := problem.Of(err); p == nil || p.Code != problem.TwitchAPIError || !strings.Contains(p.Detail, "not known") {
				t.Errorf("told is %v", err)
			}
			if r.rows(auditlog.Failed, "TWITCH_API_ERROR") != 1 || r.detail("twitch") != string(twitch.Uncertain) {
				t.Errorf("the row says %q, %q", r.detail("outcome"), r.detail("twitch"))
			}
			if n := r.used(); n != 1 {
				t.Errorf("%d are counted", n)
			}
		})
	}
}

// TestALimitBehindABanThatWasNotAnswered is no word that nothing was done.
func TestALimitBehindABanThatWasNotAnswered(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	service, _ := r.instance(func(c *twitch.Config) { c.Attempts = 3 })
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.HangUp, Times: 1, Route: banRoute})
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.RateLimit, ResetIn: 5 * time.Minute, Route: banRoute})
	p := problem.Of(service.Do(t.Context(), r.is(channel), origin, ban(viewer)))
	if p == nil || p.Code != problem.TwitchAPIError || !strings.Contains(p.Detail, "not known") || p.Retry < time.Minute {
		t.Errorf("told is %+v", p)
	}
	if r.used() != 1 || r.detail("twitch") != string(twitch.Uncertain) {
		t.Errorf("%d are counted; the row says %q", r.used(), r.detail("twitch"))
	}
}

// TestALimitOfTwitchsIsPassedOn, with when to come back, and does not count.
func TestALimitOfTwitchsIsPassedOn(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.RateLimit, ResetIn: 40 * time.Second, Route: banRoute})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	p := problem.Of(r.service.Do(ctx, r.is(channel), origin, ban(viewer)))
	if p == nil || p.Code != problem.RateLimitExceeded || p.Retry < 35*time.Second || p.Retry > 42*time.Second {
		t.Errorf("told is %v", p)
	}
	if r.used() != 0 || r.rows(auditlog.Refused, "RATE_LIMIT_EXCEEDED") != 1 {
		t.Errorf("%d are counted; the row says %q", r.used(), r.detail("outcome"))
	}
}

// TestEveryEndIsCountedAndRecorded: each with its code, in the metrics, the audit log
// and the log.
func TestEveryEndIsCountedAndRecorded(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	site := r.user("7001", identity.RoleModerator)
	r.link(site, everyScope...)
	r.link(r.user("7002", identity.RoleUser), twitch.ScopeReadModeration)
	r.link(r.user("7003", identity.RoleUser), twitch.ScopeChannelManageBans)
	r.user("7004", identity.RoleUser)
	r.off.Store(r.user("7005", identity.RoleUser).ID, true)
	r.fake.Protect("7006")
	unban := func(user string) bans.Operation {
		return bans.Operation{Kind: bans.Unban, Broadcaster: channel, User: user}
	}
	for _, c := range []struct {
		as   string
		o    bans.Operation
		code problem.Code
	}{
		{channel, ban(viewer), ""},
		{channel, unban(viewer), ""},
		{channel, unban(viewer), problem.TwitchAPIError}, // is not banned
		{channel, ban("7006"), problem.TwitchAPIError},
		{channel, ban("x"), problem.InvalidRequest},
		{stranger, ban(viewer), problem.NotModerator},
		{"7001", ban(viewer), problem.SiteModeratorsReadOnly},
		{"7002", ban(viewer), problem.InsufficientScopes},
		{"7003", ban(viewer), problem.NotBroadcaster},
		{"7004", ban(viewer), problem.NotAuthenticated},
		{"7005", ban(viewer), problem.FeatureDisabled},
	} {
		series := func() string {
			if c.code == "" {
				return `moderation_ban_operations_total{error_type="none",operation="` + string(c.o.Kind) + `",status="success"}`
			}
			return `moderation_ban_operations_total{error_type="` + string(c.code) + `",operation="` + string(c.o.Kind) + `",status="error"}`
		}()
		before := r.counted(series)
		outcome := auditlog.Refused
		switch c.code {
		case "":
			outcome = auditlog.Applied
		case problem.TwitchAPIError:
			outcome = auditlog.Failed
		}
		rows := r.rows(outcome, string(c.code))
		r.wants(c.code, c.as, r.do(c.as, c.o))
		if after := r.counted(series); after == before || after == "" {
			t.Errorf("%s is %q after it was %q", series, after, before)
		}
		if n := r.rows(outcome, string(c.code)); n != rows+1 {
			t.Errorf("%s %s: %d rows say %s after %d did", c.as, c.o.Kind, n, outcome, rows)
		}
		if line := `"code":"` + string(c.code) + `"`; !strings.Contains(r.logged(), line) {
			t.Errorf("no line of the log has %s", line)
		}
	}
	if n := r.counted(`moderation_ban_operation_duration_seconds_count{operation="ban"}`); n != "9" {
		t.Errorf("durations of %s bans", n)
	}
	if n := r.counted(`moderation_audit_log_operations_total{action="twitch_ban_user",status="success"}`); n != "9" {
		t.Errorf("%s audit rows of bans", n)
	}
	for _, name := range []string{`"msg":"twitch_ban_user"`, `"msg":"twitch_unban_user"`} {
		if !strings.Contains(r.logged(), name) {
			t.Errorf("no line of the log has %s", name)
		}
	}
}

// TestTokensThatTwitchEchoesStayIn: errors, rows and the log are looked at whatever a
// server sends back.
func TestTokensThatTwitchEchoesStayIn(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for _, status := range []int{400, 401, 403, 404, 418, 500} {
		r.fake.Fail(twitchtest.Fault{Kind: twitchtest.Raw, Status: status, Route: banRoute, Times: 1, ContentType: "text/plain", Message: "Bearer s3cret-" + channel + " is no good"})
		r.link(r.is(channel), everyScope...)
		err := r.do(channel, ban(viewer)) // it looks at the error
		if err == nil {
			t.Errorf("%d is a success", status)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%d: a cause shows the token: %v", status, err)
			}
		}
	}
	r.wants(problem.InvalidRequest, "a reason that is too long", r.service.Refuse(t.Context(), r.is(channel), origin,
		bans.Operation{Kind: bans.Ban, Broadcaster: "s3cret", User: "s3cret"}, problem.New(problem.InvalidRequest, "no")))
}
