package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/httpapi"
	"github.com/clipper/clipperops/moderation/problem"
)

const queuePath = "/api/v1/moderation/queue"

func report(content uuid.UUID) map[string]any {
	return map[string]any{"content_type": "clip", "content_id": content, "reason": "spam"}
}

// TestWhoComesIn: without a session, with one of nobody, banned, and by the role that
// the database has at the moment.
func TestWhoComesIn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := s.do(uuid.Nil, "GET", queuePath, nil).wants(http.StatusUnauthorized, problem.NotAuthenticated)
	if got.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	s.do(uuid.New(), "GET", queuePath, nil).wants(http.StatusUnauthorized, problem.NotAuthenticated)
	s.do(s.user, "GET", queuePath, nil).wants(http.StatusForbidden, problem.Forbidden)
	s.do(s.moderator, "GET", queuePath, nil).wants(http.StatusOK)
	pgtest.Exec(t, s.target, "UPDATE users SET role = 'user' WHERE id = $1", s.moderator)
	s.do(s.moderator, "GET", queuePath, nil).wants(http.StatusForbidden, problem.Forbidden)
	pgtest.Exec(t, s.target, "UPDATE users SET is_banned = true WHERE id = $1", s.admin)
	s.do(s.admin, "GET", queuePath, nil).wants(http.StatusForbidden, problem.UserBanned)
	s.do(s.admin, "POST", queuePath, report(uuid.New())).wants(http.StatusForbidden, problem.UserBanned)

	// A role that the token claims counts for nothing.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.URL+queuePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{
		"sub": s.user.String(), "aud": audience, "exp": time.Now().Add(time.Hour).Unix(), "role": "admin",
	}))
	s.send(r).wants(http.StatusForbidden, problem.Forbidden)
}

// TestRequestsThatAreRefused: by their bodies, ids, queries, types and methods; those
// that would have done something leave an audit row.
func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := uuid.NewString()
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		code         problem.Code
	}{
		{"POST", queuePath, "", 400, problem.InvalidRequest},
		{"POST", queuePath, `{"content_type":"clip","content_id":"test-id","reason":"spam"}`, 400, problem.InvalidRequest},
		{"POST", queuePath, `{"content_type":"song","content_id":"` + id + `","reason":"spam"}`, 400, problem.InvalidRequest},
		{"POST", queuePath, `{"content_type":"clip","content_id":"` + id + `","reason":" "}`, 400, problem.InvalidRequest},
		{"POST", queuePath, `{"content_type":"clip","content_id":"` + id + `","reason":"` + strings.Repeat("ä", 51) + `"}`, 400, problem.InvalidRequest},
		{"POST", queuePath, `{"content_type":"clip","content_id":"` + id + `","reason":"a\u0000b"}`, 400, problem.InvalidRequest},
		{"POST", queuePath, `{"data":[{"content_type":"clip"}]}`, 400, problem.InvalidRequest},
		{"POST", queuePath, `{"reason":"` + strings.Repeat("a", 70_000) + `"}`, 413, problem.PayloadTooLarge},
		{"POST", queuePath + "/" + id + "/decisions", `{"action":"approve"}`, 404, problem.NotFound},
		{"POST", queuePath + "/nonsense/decisions", `{"action":"approve"}`, 400, problem.InvalidRequest},
		{"POST", queuePath + "/" + id + "/decisions", `{"action":"delete"}`, 400, problem.InvalidRequest},
		{"GET", queuePath + "?limit=101", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?limit=0", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?limit=1&limit=2", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?page=2", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?status=open", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?assigned_to=me", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?cursor=e30", nil, 400, problem.InvalidRequest},
		{"GET", queuePath + "?cursor=" + strings.Repeat("a", 5000), nil, 400, problem.InvalidRequest},
		{"GET", "/api/v1/moderation/audit-logs?since=yesterday", nil, 400, problem.InvalidRequest},
		{"PUT", queuePath, "{}", 405, problem.MethodNotAllowed},
		{"GET", "/api/v1/moderation/twitch/ban", nil, 405, problem.MethodNotAllowed},
		{"GET", "/nowhere", nil, 404, problem.NotFound},
		{"POST", "/api/moderation/twitch/ban", "{}", 404, problem.NotFound},
	} {
		got := s.do(s.moderator, c.method, c.path, c.body).wants(c.status, c.code)
		if c.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%s %s: 405 without Allow", c.method, c.path)
		}
		for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Cache-Control"} {
			if got.header.Get(h) == "" {
				t.Errorf("%s %s: no %s", c.method, c.path, h)
			}
		}
	}
	if n := s.audited(auditlog.QueueReport, auditlog.Refused); n != 8 {
		t.Errorf("%d reports are recorded as refused, want 8", n)
	}
	if n := s.audited(auditlog.QueueDecision, auditlog.Refused); n != 3 {
		t.Errorf("%d decisions are recorded as refused, want 3", n)
	}

	// A form of another site is no request.
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+queuePath, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token(s.user))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		s.send(r).wants(http.StatusUnsupportedMediaType, problem.UnsupportedMediaType)
	}
}

// TestPagesOverHTTP: every case once, by the cursors that are given out.
func TestPagesOverHTTP(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 7 {
		s.do(s.user, "POST", queuePath, report(uuid.New())).wants(http.StatusCreated)
	}
	seen := map[uuid.UUID]bool{}
	for path := queuePath + "?limit=3"; path != ""; {
		var page struct {
			Data []struct {
				ID uuid.UUID `json:"id"`
			} `json:"data"`
			Next *string `json:"next_cursor"`
		}
		s.do(s.moderator, "GET", path, nil).wants(http.StatusOK).into(&page)
		for _, i := range page.Data {
			seen[i.ID] = true
		}
		path = ""
		if page.Next != nil {
			path = queuePath + "?limit=3&cursor=" + *page.Next
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d cases of 7", len(seen))
	}
}

// TestMaintenanceRefusesWritesAlone, before anybody's session is looked at.
func TestMaintenanceRefusesWritesAlone(t *testing.T) {
	t.Parallel()
	s := newService(t, func(d *httpapi.Dependencies) { d.Maintenance = func() bool { return true } })
	got := s.do(uuid.Nil, "POST", queuePath, report(uuid.New())).wants(http.StatusServiceUnavailable, problem.Maintenance)
	if got.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	s.do(s.moderator, "GET", queuePath, nil).wants(http.StatusOK)
	s.do(uuid.Nil, "GET", "/health", nil).wants(http.StatusOK)
}

// TestTheLogHoldsIDsAlone: no text of a user, no token, no path of a client's making.
func TestTheLogHoldsIDsAlone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.do(s.user, "POST", queuePath, map[string]any{"content_type": "clip", "content_id": uuid.New(), "reason": "s3cret"}).wants(http.StatusCreated)
	s.do(s.user, "POST", queuePath, `{"s3cret":1}`).wants(http.StatusBadRequest)
	s.do(s.user, "GET", "/s3cret?s3cret=1", nil).wants(http.StatusNotFound)
	log := s.log.String()
	if strings.Contains(log, "s3cret") || strings.Contains(log, token(s.user)[:20]) {
		t.Errorf("the log holds what a client sent:\n%s", log)
	}
	if !strings.Contains(log, s.user.String()) || !strings.Contains(log, `"route":"/api/v1/moderation/queue"`) || !strings.Contains(log, `"route":"unknown"`) {
		t.Errorf("the log does not say who and what:\n%s", log)
	}
}

// TestWhereARequestComesFrom: X-Forwarded-For is believed from trusted proxies alone.
func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[bool]string{false: "127.0.0.1", true: "192.0.2.7"} {
		t.Run(fmt.Sprint(trusted), func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(d *httpapi.Dependencies) {
				if trusted {
					d.TrustedProxies = loopback
				}
			})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+queuePath, strings.NewReader(fmt.Sprintf(`{"content_type":"clip","content_id":%q,"reason":"spam"}`, uuid.NewString())))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token(s.user))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Forwarded-For", "10.9.9.9, 192.0.2.7")
			r.Header.Set("X-Request-Id", "trace-12345678")
			if got := s.send(r).wants(http.StatusCreated).header.Get("X-Request-Id"); got != "trace-12345678" {
				t.Errorf("the request's id became %q", got)
			}
			if ip := pgtest.QueryValue[string](t, s.target, "SELECT host(ip_address) FROM moderation_audit_logs"); ip != want {
				t.Errorf("it is recorded from %s, want %s", ip, want)
			}
		})
	}
}
