package page_test

import (
	"testing"
	"time"

	"github.com/clipper/clipperops/moderation/page"
)

// Guards against a user shown as banned who is not, or the other way round.
func TestHowUsersStand(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		last *page.Last
		want page.Standing
	}{
		{nil, page.Free},
		{&page.Last{Action: "twitch_ban_user", Outcome: "applied", At: ago(1000 * time.Hour)}, page.Banned},
		{&page.Last{Action: "twitch_ban_user", Outcome: "applied", Seconds: 600, At: ago(599 * time.Second)}, page.TimedOut},
		{&page.Last{Action: "twitch_ban_user", Outcome: "applied", Seconds: 600, At: ago(600 * time.Second)}, page.Free},
		{&page.Last{Action: "twitch_unban_user", Outcome: "applied", At: ago(time.Second)}, page.Free},
		{&page.Last{Action: "twitch_ban_user", Outcome: "attempted", At: ago(time.Second)}, page.Unknown},
		{&page.Last{Action: "twitch_unban_user", Outcome: "failed", At: ago(time.Second)}, page.Unknown},
	} {
		got, until := c.last.Standing(now)
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.last, got, c.want)
		}
		if got == page.TimedOut && !until.Equal(now.Add(time.Second)) {
			t.Errorf("until %s", until)
		}
	}
}

// TestWhatIsSaid of what was done, and how long to wait.
func TestWhatIsSaid(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"Ann is timed out for 2 weeks.":           page.Done("Ann", false, 1209600),
		"Ann is timed out for 5 seconds.":         page.Done("Ann", false, 5),
		"Ann is banned for good.":                 page.Done("Ann", false, 0),
		"The user is unbanned.":                   page.Done("", true, 0),
		"You see the list alone. No. Link again.": page.ReadOnly("no", "link again"),
		"1 second":   page.Problem{Retry: time.Millisecond}.Wait(),
		"89 seconds": page.Problem{Retry: 89 * time.Second}.Wait(),
		"2 minutes":  page.Problem{Retry: 90 * time.Second}.Wait(),
		"60 minutes": page.Problem{Retry: time.Hour}.Wait(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
