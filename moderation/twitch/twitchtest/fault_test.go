package twitchtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

const banRoute = "POST " + bansPath

func TestStatusBeforeAndAfter(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, status := range []int{409, 500, 502, 503, 504} {
		s.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: status, Message: "no", Times: 1})
		s.wants(status, "no", "1", "POST", bans("1", "1"), about("9"))
	}
	if s.Applied() != 0 {
		t.Errorf("%d changes", s.Applied())
	}
	s.Fail(twitchtest.Fault{Kind: twitchtest.StatusAfter, Message: "late", Times: 1})
	s.wants(503, "late", "1", "POST", bans("1", "1"), about("9"))
	if len(s.Bans()) != 1 {
		t.Error("nothing was applied before the answer")
	}
	s.wants(400, "already banned", "1", "POST", bans("1", "1"), about("9"))
}

// TestTooManyIsPerBroadcaster, with headers that say when, and without.
func TestTooManyIsPerBroadcaster(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.AddModerator("5", "2")
	for _, bare := range []bool{false, true} {
		s.Fail(twitchtest.Fault{Kind: twitchtest.RateLimit, Broadcaster: "1", ResetIn: 30 * time.Second, Bare: bare})
		w := s.ask("1", "POST", bans("1", "1"), about("9"))
		reset, remaining := w.Header().Get("Ratelimit-Reset"), w.Header().Get("Ratelimit-Remaining")
		if w.Code != http.StatusTooManyRequests || (reset == "") != bare || (remaining == "") != bare {
			t.Errorf("%d, reset %q, remaining %q", w.Code, reset, remaining)
		}
		if at, _ := strconv.ParseInt(reset, 10, 64); !bare && (at != 1_800_000_030 || remaining == "0") {
			t.Errorf("reset at %d, remaining %s", at, remaining)
		}
		s.wants(200, "", "2", "POST", bans("5", "2"), about("9"))
		s.wants(204, "", "2", "DELETE", bans("5", "2")+"&user_id=9", "")
		s.Heal()
		s.wants(200, "", "1", "POST", bans("1", "1"), about("9"))
		s.wants(204, "", "1", "DELETE", bans("1", "1")+"&user_id=9", "")
	}
}

// TestFailingAtARate: about as many as told, the same ones with the same seed, on the
// route that is meant.
func TestFailingAtARate(t *testing.T) {
	t.Parallel()
	run := func() (failed string) {
		s := newStage(t)
		s.Fail(twitchtest.Fault{Kind: twitchtest.Status, Rate: 0.3, Route: "GET " + bannedPath})
		for range 1000 {
			failed += strconv.Itoa(s.ask("1", "GET", bannedPath+"?broadcaster_id=1", "").Code / 500)
			if w := s.ask("1", "GET", moderatorsPath+"?broadcaster_id=1", ""); w.Code != 200 {
				t.Fatalf("another route fails: %d", w.Code)
			}
		}
		return failed
	}
	first := run()
	if n := strings.Count(first, "1"); n < 250 || n > 350 { // 3.4 standard deviations
		t.Errorf("%d of 1000 failed", n)
	}
	if run() != first {
		t.Error("a second run with the seed fails otherwise")
	}
}

// TestLostAnswers over a connection: what the client sees, and what was done.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]struct {
		status  int // 0: no answer
		whole   bool
		applied int
	}{
		twitchtest.HangUp:       {0, false, 0},
		twitchtest.HangUpAfter:  {0, false, 1},
		twitchtest.HangUpInBody: {200, false, 1},
		twitchtest.OddModerator: {200, true, 1},
		twitchtest.Raw:          {418, true, 0},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.Fail(twitchtest.Fault{Kind: kind, Status: 418, Message: "<p>", ContentType: "text/html", Route: banRoute})
			response, err := s.send(t.Context(), s.serve(), about("9"))
			if err != nil {
				if want.status != 0 {
					t.Fatal(err)
				}
			} else {
				defer func() { _ = response.Body.Close() }()
				body, err := io.ReadAll(response.Body)
				if response.StatusCode != want.status || (err == nil) != want.whole {
					t.Errorf("%s %q, %v", response.Status, body, err)
				}
				if kind == twitchtest.OddModerator && (!strings.Contains(string(body), `"moderator_Id":"1"`) || strings.Contains(string(body), "moderator_id")) {
					t.Errorf("the answer is %s", body)
				}
				if kind == twitchtest.Raw && (string(body) != "<p>" || response.Header.Get("Content-Type") != "text/html") {
					t.Errorf("the answer is %s", body)
				}
			}
			if s.Applied() != want.applied {
				t.Errorf("%d changes", s.Applied())
			}
		})
	}
}

// serve is the stage over connections; closing it waits for what is under way.
func (s *stage) serve() *httptest.Server {
	s.t.Helper()
	server := httptest.NewServer(s)
	s.t.Cleanup(server.Close)
	return server
}

// send asks for a ban.
func (s *stage) send(ctx context.Context, server *httptest.Server, body string) (*http.Response, error) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", server.URL+bans("1", "1"), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Client-Id", "client")
	r.Header.Set("Authorization", "Bearer 1")
	return server.Client().Do(r)
}

// TestSlowAndLate: both answer after their time. For a client that has left by then
// the one does nothing, and the other what was asked.
func TestSlowAndLate(t *testing.T) {
	t.Parallel()
	for kind, applied := range map[string]int{twitchtest.Slow: 1, twitchtest.Late: 2} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			const delay = 300 * time.Millisecond
			s.Fail(twitchtest.Fault{Kind: kind, Delay: delay, Route: banRoute})
			began, server := time.Now(), s.serve()
			response, err := s.send(t.Context(), server, about("9"))
			if err != nil || response.StatusCode != 200 || time.Since(began) < delay {
				t.Fatalf("after %s: %v", time.Since(began), err)
			}
			_ = response.Body.Close()
			ctx, leave := context.WithTimeout(t.Context(), delay/3)
			defer leave()
			if _, err := s.send(ctx, server, about("8")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the client that leaves: %v", err)
			}
			server.Close()
			if s.Applied() != applied {
				t.Errorf("%d changes", s.Applied())
			}
		})
	}
}

// TestFaultsEnd: after as many times as told, in the order in which they were told,
// and all of them by Heal and Reset.
func TestFaultsEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 500, Times: 2})
	s.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 502})
	for _, status := range []int{500, 500, 502, 502} {
		if w := s.ask("1", "POST", bans("1", "1"), about("9")); w.Code != status {
			t.Errorf("%d, want %d", w.Code, status)
		}
	}
	s.Heal()
	s.wants(200, "", "1", "POST", bans("1", "1"), about("9"))
	if n := s.Requests(banRoute); n != 5 {
		t.Errorf("%d requests are counted", n)
	}
	s.Reset()
	if s.Requests(banRoute) != 0 || s.Applied() != 0 || len(s.Bans()) != 0 {
		t.Error("it remembers")
	}
	s.wants(401, "Invalid", "1", "POST", bans("1", "1"), about("9"))
}

func TestControls(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for path, bodies := range map[string][]string{
		"faults":     {`{"kind":"x"}`, `{"kind":"status","rate":2}`, `{"kind":"status","rate":-1}`, `{"kind":"status","status":99}`, `{"kind":"status","unknown":1}`, ``, `[]`},
		"tokens":     {`{"token":"a"}`, `{"user_id":"a"}`, `{`},
		"moderators": {`{"broadcaster":"1"}`},
	} {
		for _, body := range bodies {
			if w := s.ask("", "POST", "/_control/"+path, body); w.Code != 400 {
				t.Errorf("%s %s: %d", path, body, w.Code)
			}
		}
	}
	for path, body := range map[string]string{
		"tokens": `{"token":"new","user_id":"6","scopes":["` + manage + `"]}`, "moderators": `{"broadcaster_id":"1","user_id":"6"}`, "protected": `{"user_id":"7"}`,
		"faults": `{"kind":"status","status":503,"times":1,"route":"` + banRoute + `"}`,
	} {
		if w := s.ask("", "POST", "/_control/"+path, body); w.Code != 204 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s.wants(503, "", "new", "POST", bans("1", "6"), about("9"))
	s.wants(200, "", "new", "POST", bans("1", "6"), about("9"))
	s.wants(400, "cannot be banned", "new", "POST", bans("1", "6"), about("7"))
	if w := s.ask("", "GET", "/_control/state", ""); !strings.Contains(w.Body.String(), `"applied":1`) || !strings.Contains(w.Body.String(), `"`+banRoute+`":3`) {
		t.Errorf("the state is %s", w.Body)
	}
	for _, r := range [][2]string{{"DELETE", "faults"}, {"POST", "reset"}} {
		if w := s.ask("", r[0], "/_control/"+r[1], ""); w.Code != 204 {
			t.Errorf("%v: %d", r, w.Code)
		}
	}
	if len(s.Bans()) != 0 {
		t.Error("reset forgets nothing")
	}
}
