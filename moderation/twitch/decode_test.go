package twitch

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDecodeMessage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"error":"Bad Request","status":400,"message":"user cannot be banned"}`: "user cannot be banned",
		`{"error":"Bad Request","status":"400"}`:                                 "Bad Request",
		`{"message":7}`:                                                          `{"message":7}`,
		"":                                                                       "",
		"<html>\n<b>502\x1b[2J":                                                  "<html> <b>502[2J",
		"\xff\xfe":                                                               "",
	} {
		if got := decodeMessage([]byte(body)); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
	if n := utf8.RuneCountInString(decodeMessage([]byte(strings.Repeat("é", 4000)))); n != maxMessage {
		t.Errorf("%d characters", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "{}", "[]", `{"data":[{"user_id":"1","moderator_Id":"2","end_time":null}]}`, `{"data":{}}`, `{"access_token":"a","scope":"a b","expires_in":9223372036854775807}`, `{"message":"\u0000"}`} {
		f.Add([]byte(s))
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, body []byte) {
		if m := decodeMessage(body); strings.ContainsAny(m, "\n\r\x00\x1b") || !utf8.ValidString(m) || utf8.RuneCountInString(m) > maxMessage {
			t.Fatalf("message %q", m)
		}
		_, _ = entries[banEntry](body)
		_, _ = entries[bannedEntry](body)
		if v, wrong := decodeValidation(body, now); wrong == "" && (v.UserID == "" || (!v.Expires.IsZero() && v.Expires.Before(now))) {
			t.Fatalf("%+v", v)
		}
		if g, ok := decodeGrant(body, now); ok && g.Access.IsZero() {
			t.Fatal("a grant without a token")
		}
	})
}
