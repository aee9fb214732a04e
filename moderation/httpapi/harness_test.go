package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/httpapi"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/metrics"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/queue"
)

const (
	secret   = "0123456789abcdef0123456789abcdef"
	audience = "clipper"
)

// service is the API on a database of the test's own, over real HTTP.
type service struct {
	t       *testing.T
	target  config.Target
	server  *httptest.Server
	metrics *metrics.Metrics
	log     *lockedBuffer

	user, author, moderator, admin uuid.UUID
}

// newService starts one; change may set other dependencies.
func newService(t *testing.T, change ...func(*httpapi.Dependencies)) *service {
	t.Helper()
	s := &service{t: t, target: pgtest.New(t, pgtest.WithModeration()), metrics: metrics.New(), log: &lockedBuffer{}}
	for _, table := range []string{"moderation_queue", "moderation_audit_logs"} {
		pgtest.Exec(t, s.target, "DELETE FROM "+table)
	}
	for _, u := range []struct {
		id   *uuid.UUID
		role string
	}{{&s.user, "user"}, {&s.author, "user"}, {&s.moderator, "moderator"}, {&s.admin, "admin"}} {
		*u.id = s.newUser(u.role)
	}
	pool, err := database.Open(t.Context(), database.Config{URL: s.target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	verifier, err := identity.NewVerifier(identity.VerifierConfig{Secret: []byte(secret), Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	audit := auditlog.New(pool, log, func(a auditlog.Action, status string) { s.metrics.Audit(string(a), status) })
	seals, err := webpage.NewSeals(secret)
	if err != nil {
		t.Fatal(err)
	}
	d := httpapi.Dependencies{
		Verifier: verifier, Users: identity.NewUsers(pool), Queue: queue.New(pool, audit), Appeals: appeals.New(pool, audit),
		Audit: audit, Metrics: s.metrics, Log: log, Pool: pool, Seals: seals,
		Ready: func(context.Context) httpapi.Readiness {
			return httpapi.Readiness{Ready: true, Checks: []httpapi.Condition{}}
		},
	}
	for _, c := range change {
		c(&d)
	}
	s.server = httptest.NewServer(httpapi.New(d))
	t.Cleanup(s.server.Close)
	return s
}

func (s *service) newUser(role string) uuid.UUID {
	s.t.Helper()
	return uuid.MustParse(pgtest.QueryValue[string](s.t, s.target,
		`INSERT INTO users (twitch_id, username, role) VALUES ($1, $1, $2) RETURNING id::text`, uuid.NewString(), role))
}

// token is a session of this user.
func token(user uuid.UUID) string {
	return sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": user.String(), "aud": audience, "exp": time.Now().Add(time.Hour).Unix()})
}

func sign(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

// reply is an answer of the service.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request; body is a string as it is, nil, or a value sent as JSON. A
// zero user sends no session.
func (s *service) do(as uuid.UUID, method, path string, body any) reply {
	s.t.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, content)
	if err != nil {
		s.t.Fatal(err)
	}
	if as != uuid.Nil {
		r.Header.Set("Authorization", "Bearer "+token(as))
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.send(r)
}

func (s *service) send(r *http.Request) reply {
	s.t.Helper()
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			s.t.Fatal(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	held(s.t, r, sent, answer, text)
	return reply{s.t, answer.StatusCode, answer.Header, text}
}

// wants checks the status, and for an error its code.
func (r reply) wants(status int, code ...problem.Code) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Errorf("status %d, want %d: %s", r.status, status, r.body)
	}
	if len(code) > 0 {
		var p struct {
			Error     string       `json:"error"`
			Code      problem.Code `json:"code"`
			RequestID string       `json:"request_id"`
		}
		if err := json.Unmarshal(r.body, &p); err != nil || p.Code != code[0] || p.Error == "" || p.RequestID == "" || p.RequestID != r.header.Get("X-Request-Id") {
			r.t.Errorf("want %s with a sentence and the request's id, got %s", code[0], r.body)
		}
	}
	return r
}

// into reads the answer.
func (r reply) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
}

// id is data.id of the answer.
func (r reply) id() uuid.UUID {
	r.t.Helper()
	var v struct {
		Data struct {
			ID uuid.UUID `json:"id"`
		} `json:"data"`
	}
	r.into(&v)
	return v.Data.ID
}

// audited counts the audit rows with this action and outcome.
func (s *service) audited(action auditlog.Action, outcome auditlog.Outcome) int {
	s.t.Helper()
	return pgtest.QueryValue[int](s.t, s.target, `SELECT count(*)::int FROM moderation_audit_logs WHERE action = $1 AND metadata->>'outcome' = $2`, string(action), string(outcome))
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// loopback is where the tests' requests come from.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
