package twitchtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecodeBan: what is taken is one object within the documented bounds.
func FuzzDecodeBan(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"user_id":"9","duration":300,"reason":"no reason"}}`, `{"data":[{"user_id":"9"}]}`, `{"data":{"user_id":"9","duration":null}}`,
		`{"data":{"user_id":"9","duration":1209601}}`, `{"data":{"user_id":"9"},"data":[]}`, ` {"DATA":{"User_ID":"9"}}`, `null`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, wrong := decodeBan(body)
		if wrong != "" {
			if d != (banData{}) && !utf8.ValidString(wrong) {
				t.Fatalf("%q: %q", body, wrong)
			}
			return
		}
		if d.UserID == "" || (d.Duration != nil && (*d.Duration < 1 || *d.Duration > 1_209_600)) || utf8.RuneCountInString(d.Reason) > 500 {
			t.Fatalf("%q is taken for %+v", body, d)
		}
		if !strings.HasPrefix(strings.TrimSpace(string(body)), "{") {
			t.Fatalf("%q is taken", body)
		}
	})
}

// FuzzRequest: whatever comes in is answered, and without a token nothing is changed.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/helix/moderation/bans", "broadcaster_id=1&moderator_id=1", "Bearer owner", `{"data":{"user_id":"9"}}`)
	f.Add("DELETE", "/helix/moderation/bans", "broadcaster_id=1&moderator_id=1&user_id=9", "Bearer x", "")
	f.Add("GET", "/helix/moderation/banned", "broadcaster_id=1&user_id=9&user_id", "Bearer owner", "")
	f.Add("POST", "/oauth2/token", "", "", "grant_type=refresh_token&refresh_token=%zz")
	f.Add("POST", "/_control/faults", "", "", `{"kind":"slow","delay":-1}`)
	f.Fuzz(func(t *testing.T, method, path, query, auth, body string) {
		if strings.HasPrefix(path, "/_control") && method == http.MethodPost {
			path = "/helix" + path // a fault or a token that it makes would be a right one
		}
		r, err := http.NewRequest(method, "http://twitch/", strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header.Set("Authorization", auth)
		r.Header.Set("Client-Id", "client")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		s := New(Options{})
		s.AddToken(Token{Access: "owner", UserID: "1", Scopes: []string{scopeManage, scopeRead}})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 499 {
			t.Fatalf("%s %s: %d", method, path, w.Code)
		}
		if s.Applied() > 0 && auth != "Bearer owner" {
			t.Fatalf("%s %s with %q has changed something", method, path, auth)
		}
	})
}
