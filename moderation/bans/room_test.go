package bans_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/metrics"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	banRoute        = "POST /helix/moderation/bans"
	bannedRoute     = "GET /helix/moderation/banned"
	moderatorsRoute = "GET /helix/moderation/moderators"
)

// A channel and who is there; the ids are Twitch's.
const (
	channel   = "1000"
	moderator = "2000"
	stranger  = "3000"
	viewer    = "4000" // whom Clipper knows
	unknown   = "5000" // whom it does not
)

var everyScope = []string{twitch.ScopeManageBans, twitch.ScopeReadModeration}

// room is a database, a stand-in for Twitch in front of which requests can be held,
// and as many instances of the service as a test likes.
type room struct {
	t       *testing.T
	target  config.Target
	dsn     string
	key     string
	fake    *twitchtest.Server
	url     string
	metrics *metrics.Metrics
	off     sync.Map // users for whom the flag is off
	service *bans.Service
	store   *tokens.Store
	pool    *database.Pool // that of the instance made last

	left atomic.Int32 // requests that were held when who sent them went away

	mu    sync.Mutex
	now   time.Time
	log   bytes.Buffer
	asked []string // "METHOD /path token"
	gates map[string]chan struct{}
}

// newRoom is one with the broadcaster, a moderator, a stranger and a viewer, the
// first three with their sessions.
func newRoom(t *testing.T, options ...twitchtest.Options) *room {
	t.Helper()
	options = append(options, twitchtest.Options{})
	r := &room{
		t: t, target: pgtest.New(t, pgtest.WithModeration()), key: tokens.Random(), fake: twitchtest.New(options[0]),
		metrics: metrics.New(), now: time.Now(), gates: map[string]chan struct{}{},
	}
	if err := schema.Setup(t.Context(), pgtest.Connect(t, r.target)); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, r.target, "DELETE FROM moderation_audit_logs")
	r.dsn = r.target.ConnString()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	r.service, r.store = r.instance()
	r.fake.AddModerator(channel, moderator)
	for _, id := range []string{channel, moderator, stranger} {
		r.link(r.user(id, identity.RoleUser), everyScope...)
	}
	r.user(viewer, identity.RoleUser)
	conn := pgtest.Connect(t, r.target)
	t.Cleanup(func() { r.holdsNoSecret(conn) })
	return r
}

// ServeHTTP is Twitch, with what a test holds back. What is held before Twitch has it
// is lost when who sent it goes away.
func (r *room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	route := req.Method + " " + req.URL.Path
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	_, secret, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	r.asked = append(r.asked, route+" "+secret)
	before, after := r.gates[route], r.gates["answer to "+route]
	r.mu.Unlock()
	if before != nil {
		select {
		case <-before:
		case <-req.Context().Done():
			r.left.Add(1)
			panic(http.ErrAbortHandler)
		}
	}
	if after == nil {
		r.fake.ServeHTTP(w, req)
		return
	}
	answer := httptest.NewRecorder()
	r.fake.ServeHTTP(answer, req)
	select {
	case <-after:
	case <-req.Context().Done():
		r.left.Add(1)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// hold keeps requests of the route waiting until let is called; with "answer to " in
// front of the route Twitch does what they ask, and its answers wait.
func (r *room) hold(route string) (let func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.gates[route] = gate
	let = sync.OnceFunc(func() { close(gate) })
	r.t.Cleanup(let)
	return let
}

// askedWith is with which users' tokens the route was asked so far.
func (r *room) askedWith(route string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var users []string
	for _, a := range r.asked {
		if user, ok := strings.CutPrefix(a, route+" "+"s3cret-"); ok {
			users = append(users, user)
		}
	}
	return users
}

func (r *room) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// Write is the log.
func (r *room) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *room) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// instance is a service of its own: its own pool, its own client and memory.
func (r *room) instance(change ...func(*twitch.Config)) (*bans.Service, *tokens.Store) {
	r.t.Helper()
	pool, err := database.Open(r.t.Context(), database.Config{URL: r.dsn, Timeout: time.Minute, Queue: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(pool.Close)
	r.pool = pool
	keys, err := tokens.NewKeyring(r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	config := twitch.Config{URL: r.url + "/helix", AuthURL: r.url + "/oauth2", ClientID: "client", Attempts: 1, Timeout: time.Minute, Deadline: time.Minute}
	for _, c := range change {
		c(&config)
	}
	client, err := twitch.New(config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	log := slog.New(slog.NewJSONHandler(r, nil))
	store := tokens.NewStore(pool, keys)
	audit := auditlog.New(pool, log, func(a auditlog.Action, status string) { r.metrics.Audit(string(a), status) })
	r.t.Cleanup(func() { audit.Wait(context.WithoutCancel(r.t.Context())) })
	return bans.New(bans.Config{
		Pool: pool, Audit: audit, Sessions: store, Twitch: client, Counters: r.metrics, Log: log,
		On:  func(user uuid.UUID) bool { _, off := r.off.Load(user); return !off },
		Now: func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now },
	}), store
}

// user makes a user of Clipper.
func (r *room) user(twitchID string, role identity.Role) identity.User {
	r.t.Helper()
	id := pgtest.QueryValue[string](r.t, r.target, `INSERT INTO users (twitch_id, username, role) VALUES ($1::text, 'user' || $1::text, $2) RETURNING id::text`, twitchID, string(role))
	return identity.User{ID: uuid.MustParse(id), Role: role, TwitchID: twitchID}
}

// is is the user of Clipper with this Twitch id.
func (r *room) is(twitchID string) identity.User {
	r.t.Helper()
	u := identity.User{TwitchID: twitchID}
	row := pgtest.QueryValue[string](r.t, r.target, "SELECT id || ' ' || role FROM users WHERE twitch_id = $1", twitchID)
	id, role, _ := strings.Cut(row, " ")
	u.ID, u.Role = uuid.MustParse(id), identity.Role(role)
	return u
}

// link gives the user a session with these scopes, at Twitch and here.
func (r *room) link(user identity.User, scopes ...string) {
	r.t.Helper()
	access := "s3cret-" + user.TwitchID
	r.fake.AddToken(twitchtest.Token{Access: access, UserID: user.TwitchID, Scopes: scopes})
	err := r.store.Put(r.t.Context(), tokens.Session{
		UserID: user.ID, TwitchUserID: user.TwitchID, Access: twitch.NewToken(access), Scopes: scopes, ExpiresAt: time.Now().Add(4 * time.Hour),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// origin is where the tests' operations come from.
var origin = auditlog.Origin{RequestID: "request-1", IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "a browser"}

// ban is for good, in the channel.
func ban(user string) bans.Operation {
	return bans.Operation{Kind: bans.Ban, Broadcaster: channel, User: user, Reason: "spam"}
}

// do does an operation, as the user with this Twitch id.
func (r *room) do(as string, o bans.Operation) error {
	r.t.Helper()
	err := r.service.Do(r.t.Context(), r.is(as), origin, o)
	if err != nil && strings.Contains(err.Error(), "s3cret") {
		r.t.Errorf("an error shows a token: %v", err)
	}
	return err
}

// used is how many operations are kept for the limit.
func (r *room) used() int {
	r.t.Helper()
	return pgtest.QueryValue[int](r.t, r.target, "SELECT count(*)::int FROM moderation_api.ban_operations")
}

// rows is how many audit rows say this outcome and code.
func (r *room) rows(outcome auditlog.Outcome, code string) int {
	r.t.Helper()
	return pgtest.QueryValue[int](r.t, r.target, `SELECT count(*)::int FROM moderation_audit_logs WHERE metadata->>'outcome' = $1 AND coalesce(metadata->>'code', '') = $2`, string(outcome), code)
}

// counted is the value of a metric, "" when it is not there.
func (r *room) counted(metric string) string {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, metric+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// holdsNoSecret looks for tokens where a test has been: the log and every table's
// text.
func (r *room) holdsNoSecret(conn *pgx.Conn) {
	log := r.logged()
	if strings.Contains(log, "s3cret") || strings.Contains(log, r.key) {
		r.t.Errorf("a token is in the log:\n%s", log)
	}
	for _, table := range []string{"moderation_audit_logs", "moderation_api.twitch_tokens", "moderation_api.ban_operations"} {
		var n int
		sql := fmt.Sprintf("SELECT count(*) FROM %s t WHERE t::text ~ 's3cret|733363726574'", table) // the second is how bytea shows it
		if err := conn.QueryRow(context.WithoutCancel(r.t.Context()), sql).Scan(&n); err != nil || n > 0 {
			r.t.Errorf("%d rows of %s show a token (%v)", n, table, err)
		}
	}
}

// exec runs SQL.
func (r *room) exec(sql string, args ...any) {
	r.t.Helper()
	pgtest.Exec(r.t, r.target, sql, args...)
}
