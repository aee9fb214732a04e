package httpapi

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/problem"
)

func TestTold(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]bans.Operation{
		"the user is banned":                        {Kind: bans.Ban},
		"the user is unbanned":                      {Kind: bans.Unban},
		"the user is timed out for 1 second":        {Kind: bans.Ban, Duration: time.Second},
		"the user is timed out for 2 seconds":       {Kind: bans.Ban, Duration: 2 * time.Second},
		"the user is timed out for 10 seconds":      {Kind: bans.Ban, Duration: 10 * time.Second},
		"the user is timed out for 30 seconds":      {Kind: bans.Ban, Duration: 30 * time.Second},
		"the user is timed out for 60 seconds":      {Kind: bans.Ban, Duration: time.Minute},
		"the user is timed out for 90 seconds":      {Kind: bans.Ban, Duration: 90 * time.Second},
		"the user is timed out for 600 seconds":     {Kind: bans.Ban, Duration: 10 * time.Minute},
		"the user is timed out for 3600 seconds":    {Kind: bans.Ban, Duration: time.Hour},
		"the user is timed out for 36000 seconds":   {Kind: bans.Ban, Duration: 10 * time.Hour},
		"the user is timed out for 1209600 seconds": {Kind: bans.Ban, Duration: bans.MaxDuration},
	} {
		if got := told(o); got != want {
			t.Errorf("%v of %s: %q, want %q", o.Kind, o.Duration, got, want)
		}
	}
}

// FuzzBanBody: whatever is sent, it is a problem of the client's or an operation
// within Twitch's bounds; nothing in it is a list.
func FuzzBanBody(f *testing.F) {
	for _, seed := range []string{
		`{"broadcasterID":"1","userID":"2","reason":"spam","duration":600}`, `{"broadcasterID":"1","userID":"2"}`,
		`{"broadcasterID":"1","userID":"2","duration":null}`, `{"broadcasterID":"1","userID":"2","duration":1209600}`,
		`{"broadcasterID":"1","userID":"2","duration":1e3}`, `{"broadcasterID":"1","userID":"2","duration":9223372036854775807}`,
		`{"broadcasterID":"1","userID":"2","duration":-0}`, `[{"broadcasterID":"1","userID":"2"}]`, `{"data":[{"broadcasterID":"1","userID":"2"}]}`,
		`{"broadcasterID":["1"],"userID":"2"}`, `{"broadcasterID":"1","userID":"2","reason":"\u0000"}`, `{"broadcasterID":"1","broadcasterid":"3"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		refused := func(err error) bool {
			var p *problem.Problem
			if err != nil && (!errors.As(err, &p) || p.Code != problem.InvalidRequest) {
				t.Fatalf("%q is answered %v", sent, err)
			}
			return err != nil
		}
		var body banBody
		if refused(decodeBody(sent, &body)) {
			return
		}
		if strings.HasPrefix(strings.TrimSpace(string(sent)), "[") {
			t.Fatalf("%q is taken", sent)
		}
		duration, err := timeout(body.Duration)
		if refused(err) || refused(checkText("reason", body.Reason, 0, bans.MaxReason)) {
			return
		}
		o := bans.Operation{Kind: bans.Ban, Broadcaster: body.BroadcasterID, User: body.UserID, Reason: body.Reason, Duration: duration}
		if refused(o.Validate()) {
			return
		}
		if (o.Duration != 0) != (body.Duration != nil) || o.Duration < 0 || o.Duration > bans.MaxDuration || utf8.RuneCountInString(o.Reason) > bans.MaxReason ||
			strings.Trim(o.Broadcaster+o.User, "0123456789") != "" || o.User == o.Broadcaster {
			t.Fatalf("%q is taken for %+v", sent, o)
		}
	})
}
