package moderation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/settings"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

const jwtSecret = "0123456789abcdef0123456789abcdef"

// switchboard is a store whose flags a test sets.
type switchboard struct {
	state  atomic.Pointer[featureflag.State]
	change chan struct{}
}

func newSwitchboard() *switchboard {
	s := &switchboard{change: make(chan struct{}, 1)}
	s.state.Store(&featureflag.State{})
	return s
}

func (s *switchboard) set(t *testing.T, key string, enabled bool) {
	t.Helper()
	f, err := featureflag.New(key, enabled, featureflag.Everybody, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := featureflag.State{}
	for k, v := range *s.state.Load() {
		next[k] = v
	}
	next[key] = f
	s.state.Store(&next)
	select {
	case s.change <- struct{}{}:
	default:
	}
}

func (s *switchboard) Load(context.Context) (featureflag.State, error) { return *s.state.Load(), nil }
func (s *switchboard) String() string                                  { return "switchboard" }

func (s *switchboard) Watch(ctx context.Context, report func(featureflag.State, error)) {
	for {
		report(*s.state.Load(), nil)
		select {
		case <-ctx.Done():
			return
		case <-s.change:
		}
	}
}

// service is the whole server with a real database and a stand-in for Twitch.
type service struct {
	t       *testing.T
	target  config.Target
	url     string
	flags   *switchboard
	helix   *twitchtest.Server
	stop    context.CancelFunc
	stopped chan error

	user, moderator, broadcaster uuid.UUID
}

// start starts one on this database, which is made ready for it.
func start(t *testing.T, target config.Target, change ...func(*settings.Settings)) *service {
	t.Helper()
	conn := pgtest.Connect(t, target)
	if err := schema.Setup(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, target: target, flags: newSwitchboard(), helix: twitchtest.New(twitchtest.Options{}), stopped: make(chan error, 1)}
	s.flags.set(t, moderation.FlagTwitch, true)
	fake := httptest.NewServer(s.helix)
	t.Cleanup(fake.Close)
	key := tokens.Random()
	keys, err := tokens.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []struct {
		id             *uuid.UUID
		role, twitchID string
	}{{&s.user, "user", uuid.NewString()}, {&s.moderator, "moderator", uuid.NewString()}, {&s.broadcaster, "user", fmt.Sprint(time.Now().UnixNano())}} {
		*u.id = addUser(t, conn, u.role, u.twitchID)
		if u.id == &s.broadcaster {
			s.link(keys, s.broadcaster, u.twitchID)
		}
	}
	c := settings.Settings{
		Addr: "127.0.0.1:0", ShutdownDelay: time.Millisecond, Shutdown: time.Minute,
		Database: database.Config{URL: target.ConnString()}, JWTSecret: jwtSecret, JWTAudience: "clipper",
		TwitchURL: fake.URL + "/helix", TwitchAuthURL: fake.URL + "/oauth2", TwitchClientID: "client", TokenKey: settings.Secret(key),
	}
	for _, f := range change {
		f(&c)
	}
	server, err := moderation.New(t.Context(), c, s.flags, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	at := make(chan net.Addr, 1)
	go func() { s.stopped <- server.Run(ctx, func(api, _ net.Addr) { at <- api }) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-s.stopped:
		case <-time.After(2 * time.Minute):
			t.Error("the server does not stop")
		}
	})
	select {
	case a := <-at:
		s.url = "http://" + a.String()
	case err := <-s.stopped:
		s.stopped <- err
		t.Fatalf("the server did not start: %v", err)
	}
	return s
}

func addUser(t *testing.T, conn *pgx.Conn, role, twitchID string) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	err := conn.QueryRow(t.Context(), `INSERT INTO users (twitch_id, username, role) VALUES ($1, $1, $2) RETURNING id`, twitchID, role).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// link gives the user a Twitch session that may moderate.
func (s *service) link(keys *tokens.Keyring, user uuid.UUID, twitchID string) {
	s.t.Helper()
	access := "token-" + twitchID
	s.helix.AddToken(twitchtest.Token{Access: access, UserID: twitchID, Scopes: []string{twitch.ScopeManageBans}})
	pool, err := database.Open(s.t.Context(), database.Config{URL: s.target.ConnString(), Timeout: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	defer pool.Close()
	err = tokens.NewStore(pool, keys).Put(s.t.Context(), tokens.Session{
		UserID: user, TwitchUserID: twitchID, Access: twitch.NewToken(access), Scopes: []string{twitch.ScopeManageBans}, ExpiresAt: time.Now().Add(4 * time.Hour),
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// twitchID is the Twitch id of a user of Clipper.
func (s *service) twitchID(user uuid.UUID) string {
	s.t.Helper()
	return pgtest.QueryValue[string](s.t, s.target, "SELECT twitch_id FROM users WHERE id = $1", user)
}

func bearer(user uuid.UUID) string {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user.String(), "aud": "clipper", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(jwtSecret))
	if err != nil {
		panic(err)
	}
	return "Bearer " + text
}

// ask sends a request and says how it was answered; status 0 means not at all.
func (s *service) ask(as uuid.UUID, method, path, body string) (status int, answer string, took time.Duration) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if as != uuid.Nil {
		r.Header.Set("Authorization", bearer(as))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	started := time.Now()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error(), time.Since(started)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text), time.Since(started)
}

// wants asks and checks the status and, if one is given, the code.
func (s *service) wants(status int, code string, as uuid.UUID, method, path, body string) {
	s.t.Helper()
	got, answer, _ := s.ask(as, method, path, body)
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(answer), &p)
	if got != status || p.Code != code {
		s.t.Errorf("%s %s: %d %s, want %d %s: %s", method, path, got, p.Code, status, code, answer)
	}
}

// ban is the body of a ban in the broadcaster's own channel.
func (s *service) ban(user string) string {
	return fmt.Sprintf(`{"broadcasterID":%q,"userID":%q,"reason":"spam"}`, s.twitchID(s.broadcaster), user)
}

// clipperAt97 makes a Clipper at version 97 on a server of the test's own.
func clipperAt97(t *testing.T, server *sandbox.Server) config.Target {
	t.Helper()
	target := server.Target("clipper_db")
	pgtest.Exec(t, server.Target("postgres"), "CREATE DATABASE clipper_db")
	if err := sandbox.ApplyClipper(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(migrations.FS, "*.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files[1:] { // the first is the baseline
		sql, err := fs.ReadFile(migrations.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		conn := pgtest.Connect(t, target)
		if _, err := conn.PgConn().Exec(t.Context(), string(sql)).ReadAll(); err != nil {
			t.Fatal(file, err)
		}
	}
	pgtest.Exec(t, target, "UPDATE schema_migrations SET version = 97")
	return target
}
