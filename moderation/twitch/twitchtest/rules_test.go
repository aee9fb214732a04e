package twitchtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bansPath       = "/helix/moderation/bans"
	bannedPath     = "/helix/moderation/banned"
	moderatorsPath = "/helix/moderation/moderators"

	manage     = "moderator:manage:banned_users"
	read       = "moderation:read"
	ownManage  = "channel:manage:banned_users"
	moderators = "channel:manage:moderators"
)

// stage is a server that knows the broadcaster 1, its moderator 2 and the stranger 3,
// each with a token of the same name, and tells the time that a test says.
type stage struct {
	t *testing.T
	*twitchtest.Server

	mu  sync.Mutex
	now time.Time
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, now: time.Unix(1_800_000_000, 0)}
	s.Server = twitchtest.New(twitchtest.Options{Seed: 7, Now: func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }})
	for _, id := range []string{"1", "2", "3"} {
		s.AddToken(twitchtest.Token{Access: id, Refresh: "renewal-" + id, UserID: id, Scopes: []string{manage, read}})
	}
	s.AddModerator("1", "2")
	return s
}

func (s *stage) advance(d time.Duration) { s.mu.Lock(); s.now = s.now.Add(d); s.mu.Unlock() }

// ask sends a request with a token; "" sends none.
func (s *stage) ask(token, method, url, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Client-Id", "client")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// wants asks and checks the status and, of an error, its shape and words.
func (s *stage) wants(status int, words, token, method, url, body string) string {
	s.t.Helper()
	w := s.ask(token, method, url, body)
	if w.Code != status || !strings.Contains(w.Body.String(), words) {
		s.t.Errorf("%s %s %s with token %q: %d %s, want %d %q", method, url, body, token, w.Code, w.Body, status, words)
	}
	if w.Code >= 400 {
		var shape struct {
			Error   string
			Status  int
			Message string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &shape); err != nil || shape.Status != w.Code || shape.Error != http.StatusText(w.Code) || (shape.Message == "" && w.Code < 500) {
			s.t.Errorf("the error %s is not of Helix's shape", w.Body)
		}
	}
	return w.Body.String()
}

func bans(broadcaster, moderator string) string {
	return fmt.Sprintf("%s?broadcaster_id=%s&moderator_id=%s", bansPath, broadcaster, moderator)
}

func about(user string) string { return fmt.Sprintf(`{"data":{"user_id":%q}}`, user) }

func TestWhoMayBan(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.AddToken(twitchtest.Token{Access: "narrow", UserID: "1", Scopes: []string{read, ownManage, moderators}})
	s.AddToken(twitchtest.Token{Access: "old", UserID: "1", Scopes: []string{manage}, ExpiresIn: 60})
	s.advance(time.Minute)
	for _, method := range []string{"POST", "DELETE"} {
		for _, c := range []struct {
			token, url string
			status     int
			words      string
		}{
			{"", bans("1", "1"), 401, "missing"},
			{"nobody", bans("1", "1"), 401, "Invalid"},
			{"old", bans("1", "1"), 401, "Invalid"},
			{"narrow", bans("1", "1"), 401, "Missing scope: " + manage},
			{"1", bans("1", "2"), 401, "must match"}, // the moderator is another than the token's user
			{"2", bans("1", "1"), 401, "must match"},
			{"3", bans("1", "3"), 403, "not one of the broadcaster's moderators"},
			{"2", bans("3", "2"), 403, "not one of the broadcaster's moderators"},
			{"1", bansPath + "?moderator_id=1", 400, "broadcaster_id"},
			{"1", bansPath + "?broadcaster_id=1", 400, "moderator_id"},
		} {
			s.wants(c.status, c.words, c.token, method, c.url+"&user_id=9", about("9"))
		}
	}
	other := httptest.NewRequest("POST", bans("1", "1"), strings.NewReader(about("9")))
	other.Header.Set("Authorization", "Bearer 1")
	other.Header.Set("Client-Id", "another")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, other)
	if w.Code != 401 || s.Applied() != 0 {
		t.Errorf("another client's token: %d, %d changes", w.Code, s.Applied())
	}
	s.wants(200, `"moderator_id":"1"`, "1", "POST", bans("1", "1"), about("9"))
	s.wants(200, `"moderator_id":"2"`, "2", "POST", bans("1", "2"), about("8"))
}

func TestWhatABanMayBe(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Protect("7")
	of := func(fields string) string { return `{"data":{"user_id":"9"` + fields + `}}` }
	reason := func(text string) string { b, _ := json.Marshal(text); return of(`,"reason":` + string(b)) }
	for body, words := range map[string]string{
		``:                               "valid JSON",
		`x`:                              "valid JSON",
		`{"data":{"user_id":"9"}} x`:     "valid JSON",
		`{}`:                             "single object",
		`{"data":null}`:                  "single object",
		`{"data":[]}`:                    "single object",
		`{"data":[{"user_id":"9"}]}`:     "single object",
		`{"data":"9"}`:                   "single object",
		`{"data":{}}`:                    "user_id",
		`{"data":{"user_id":9}}`:         "not of its type",
		`{"data":{"user_id":["9"]}}`:     "not of its type",
		of(`,"duration":0`):              "between 1 and 1209600",
		of(`,"duration":-1`):             "between 1 and 1209600",
		of(`,"duration":1209601`):        "between 1 and 1209600",
		of(`,"duration":1.5`):            "not of its type",
		of(`,"duration":"600"`):          "not of its type",
		of(`,"duration":1e30`):           "not of its type",
		reason(strings.Repeat("é", 501)): "500",
		about("1"):                       "cannot be banned", // the broadcaster
		about("7"):                       "cannot be banned",
	} {
		s.wants(400, words, "1", "POST", bans("1", "1"), body)
	}
	if s.Applied() != 0 {
		t.Errorf("%d changes", s.Applied())
	}
	for _, body := range []string{of(`,"duration":1`), of(`,"duration":1209600`), of(`,"duration":null`)} {
		s.wants(200, `"end_time"`, "1", "POST", bans("1", "1"), body)
	}
	s.wants(204, "", "1", "DELETE", bans("1", "1")+"&user_id=9", "")
	s.wants(200, "", "1", "POST", bans("1", "1"), reason(strings.Repeat("é", 500))) // characters, not bytes
}

// TestTimeoutRetimedPermanent: what may become of what, and that a timeout ends.
func TestTimeoutRetimedPermanent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	timeout := func(seconds int) string { return fmt.Sprintf(`{"data":{"user_id":"9","duration":%d}}`, seconds) }
	end := func(answer string) any {
		var shape struct{ Data []map[string]any }
		if json.Unmarshal([]byte(answer), &shape) != nil || len(shape.Data) != 1 {
			t.Fatalf("the answer is %s", answer)
		}
		return shape.Data[0]["end_time"]
	}
	unban := bans("1", "1") + "&user_id=9"
	s.wants(400, "is not banned", "1", "DELETE", unban, "")
	first := end(s.wants(200, "", "1", "POST", bans("1", "1"), timeout(60)))
	if second := end(s.wants(200, "", "1", "POST", bans("1", "1"), timeout(600))); second == first || second == nil {
		t.Errorf("timed anew from %v to %v", first, second)
	}
	if last := end(s.wants(200, "", "1", "POST", bans("1", "1"), about("9"))); last != nil {
		t.Errorf("a ban ends at %v", last)
	}
	s.wants(400, "already banned", "1", "POST", bans("1", "1"), timeout(60))
	s.wants(400, "already banned", "1", "POST", bans("1", "1"), about("9"))
	s.wants(204, "", "1", "DELETE", unban, "")
	s.wants(400, "is not banned", "1", "DELETE", unban, "")
	s.wants(400, "user_id", "1", "DELETE", bans("1", "1"), "")
	s.wants(200, "", "1", "POST", bans("1", "1"), timeout(60))
	s.advance(59 * time.Second)
	if len(s.Bans()) != 1 {
		t.Error("the timeout ended before its time")
	}
	s.advance(time.Second)
	s.wants(400, "is not banned", "1", "DELETE", unban, "")
	if len(s.Bans()) != 0 || s.Applied() != 5 {
		t.Errorf("%v stand, %d changes", s.Bans(), s.Applied())
	}
}

// TestTheBroadcasterAloneMayAsk who is banned and who moderates.
func TestTheBroadcasterAloneMayAsk(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.AddToken(twitchtest.Token{Access: "none", UserID: "1"})
	s.AddToken(twitchtest.Token{Access: "bans", UserID: "1", Scopes: []string{manage}})
	s.AddToken(twitchtest.Token{Access: "moderators", UserID: "1", Scopes: []string{moderators}})
	s.wants(200, "", "2", "POST", bans("1", "2"), about("9"))
	s.wants(200, "", "2", "POST", bans("1", "2"), `{"data":{"user_id":"8","duration":60}}`)
	for path, c := range map[string]struct {
		named       string
		good, scant string
	}{
		bannedPath:     {"9", "bans", "moderators"},
		moderatorsPath: {"2", "moderators", "bans"},
	} {
		url := path + "?broadcaster_id=1"
		for _, token := range []string{"2", "3"} {
			s.wants(401, "must match", token, "GET", url, "")
		}
		s.wants(401, "Missing scope", "none", "GET", url, "")
		s.wants(401, "Missing scope", c.scant, "GET", url, "")
		s.wants(401, "missing", "", "GET", url, "")
		s.wants(400, "broadcaster_id", "1", "GET", path, "")
		s.wants(400, "exceeds", "1", "GET", url+strings.Repeat("&user_id=5", 101), "")
		for _, token := range []string{"1", c.good} {
			s.wants(200, `"user_id":"`+c.named+`"`, token, "GET", url, "")
			s.wants(200, `"user_id":"`+c.named+`"`, token, "GET", url+"&user_id=5&user_id="+c.named, "")
			s.wants(200, `"data":[]`, token, "GET", url+"&user_id=5", "")
		}
	}
	if all := s.wants(200, `"expires_at":""`, "1", "GET", bannedPath+"?broadcaster_id=1", ""); strings.Count(all, "user_id") != 2 || !strings.Contains(all, `"expires_at":"20`) {
		t.Errorf("banned are %s", all)
	}
	s.wants(200, `"data":[]`, "3", "GET", bannedPath+"?broadcaster_id=3", "")

	tells := twitchtest.New(twitchtest.Options{TellsModerators: true})
	tells.AddModerator("1", "2")
	tells.AddToken(twitchtest.Token{Access: "2", UserID: "2", Scopes: []string{read}})
	tells.AddToken(twitchtest.Token{Access: "3", UserID: "3", Scopes: []string{read}})
	liberal := &stage{t: t, Server: tells}
	liberal.wants(200, `"user_id":"2"`, "2", "GET", moderatorsPath+"?broadcaster_id=1", "")
	liberal.wants(401, "must match", "3", "GET", moderatorsPath+"?broadcaster_id=1", "")
	tells.RemoveModerator("1", "2")
	liberal.wants(401, "must match", "2", "GET", bannedPath+"?broadcaster_id=1", "")
}

func TestSessions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	validate := func(header string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/oauth2/validate", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for _, header := range []string{"OAuth 1", "Bearer 1"} {
		if w := validate(header); w.Code != 200 || !strings.Contains(w.Body.String(), `"expires_in":14400`) || !strings.Contains(w.Body.String(), manage) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	refresh := func(change string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader("grant_type=refresh_token&client_id=client&client_secret=secret&"+change))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	var grant struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if w := refresh("refresh_token=renewal-1"); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &grant) != nil || grant.Access == "" || grant.Refresh == "renewal-1" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	// Both old tokens are spent.
	if a, b, c := validate("OAuth 1").Code, refresh("refresh_token=renewal-1").Code, validate("OAuth "+grant.Access).Code; a != 401 || b != 400 || c != 200 {
		t.Errorf("the old token %d, the old refresh token %d, the new token %d", a, b, c)
	}
	if a, b := refresh("refresh_token=").Code, refresh("refresh_token="+grant.Refresh+"&grant_type=x").Code; a != 400 || b != 200 {
		t.Errorf("no refresh token %d, the first of two grant types %d", a, b)
	}
	s.advance(4 * time.Hour)
	if w := validate("OAuth 2"); w.Code != 401 {
		t.Errorf("after its time: %d", w.Code)
	}
}
