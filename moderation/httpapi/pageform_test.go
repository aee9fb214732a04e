package httpapi

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clipper/clipperops/moderation/bans"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/problem"
)

// FuzzForm: whatever is sent, it is a problem of the client's or an operation that the
// page offers, with every field sent once.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"broadcaster_id=1&user_id=2&token=x&action=timeout&duration=600&reason=spam",
		"broadcaster_id=1&user_id=2&token=x&action=ban&duration=600&reason=", "broadcaster_id=1&user_id=2&token=x&action=unban&q=a&cursor=b",
		"broadcaster_id=1&user_id=2&action=unban&reason=x", "action=ban&action=unban", "action=timeout&duration=-1", "action=timeout&duration=9223372036854775807",
		"user_id[]=1&action=ban", "action=ban;user_id=1", "%61ction=ban", "action=ban&reason=%00%ff", "action=ban&q=%zz", "=&=", "&&&",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		got, err := decodeForm(sent)
		var p *problem.Problem
		if err != nil {
			if !errors.As(err, &p) || p.Code != problem.InvalidRequest {
				t.Fatalf("%q is answered %v", sent, err)
			}
			if o := got.Operation; (o.Kind != bans.Ban && o.Kind != bans.Unban) || o.Duration < 0 || o.Duration > bans.MaxDuration {
				t.Fatalf("%q would be recorded as %+v", sent, o)
			}
			return
		}
		o := got.Operation
		offered := slices.ContainsFunc(webpage.Durations, func(d webpage.Duration) bool { return o.Duration == time.Duration(d.Seconds)*time.Second })
		if (o.Kind == bans.Unban && (o.Duration != 0 || o.Reason != "")) || (o.Duration != 0 && !offered) || o.Duration > bans.MaxDuration ||
			utf8.RuneCountInString(o.Reason) > bans.MaxReason || strings.ContainsRune(o.Reason, 0) ||
			!utf8.ValidString(o.Broadcaster+o.User+o.Reason+got.Prefix+got.Cursor+got.Token) {
			t.Fatalf("%q is taken for %+v", sent, got)
		}
		if _, err := decodeForm(sent + "&action=ban"); err == nil {
			t.Fatalf("%q is taken with a field twice", sent)
		}
	})
}
