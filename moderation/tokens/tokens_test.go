package tokens_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

const validateRoute = "GET /oauth2/validate"

// room is a store with a Twitch that validates and refreshes.
type room struct {
	t      *testing.T
	target config.Target
	pool   *database.Pool
	key    string
	store  *tokens.Store
	fake   *twitchtest.Server
	client *twitch.Client
	log    bytes.Buffer
	users  []uuid.UUID
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, target: pgtest.New(t, pgtest.WithModeration()), key: tokens.Random(), fake: twitchtest.New(twitchtest.Options{})}
	if err := schema.Setup(t.Context(), pgtest.Connect(t, r.target)); err != nil {
		t.Fatal(err)
	}
	pool, err := database.Open(t.Context(), database.Config{URL: r.target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	r.pool = pool
	r.store = r.with(r.key)
	server := httptest.NewServer(r.fake)
	t.Cleanup(server.Close)
	r.client, err = twitch.New(twitch.Config{URL: server.URL + "/helix", AuthURL: server.URL + "/oauth2", ClientID: "client", ClientSecret: twitch.NewToken("secret")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	for i := range 3 {
		id := pgtest.QueryValue[string](t, r.target, `INSERT INTO users (twitch_id, username) VALUES ($1, $1) RETURNING id::text`, fmt.Sprint(9000+i))
		r.users = append(r.users, uuid.MustParse(id))
	}
	return r
}

func (r *room) with(keys ...string) *tokens.Store {
	r.t.Helper()
	ring, err := tokens.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		r.t.Fatal(err)
	}
	return tokens.NewStore(r.pool, ring)
}

// put gives user i a session that Twitch knows.
func (r *room) put(i int, lasts time.Duration) tokens.Session {
	r.t.Helper()
	access, refresh := fmt.Sprintf("s3cret-access-%d", i), fmt.Sprintf("s3cret-refresh-%d", i)
	r.fake.AddToken(twitchtest.Token{Access: access, Refresh: refresh, UserID: fmt.Sprint(9000 + i), Scopes: []string{twitch.ScopeManageBans}, ExpiresIn: int64(lasts / time.Second)})
	s := tokens.Session{UserID: r.users[i], TwitchUserID: fmt.Sprint(9000 + i), Access: twitch.NewToken(access), Refresh: twitch.NewToken(refresh), ExpiresAt: time.Now().Add(lasts)}
	if err := r.store.Put(r.t.Context(), s); err != nil {
		r.t.Fatal(err)
	}
	pgtest.Exec(r.t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = NULL WHERE user_id = $1", s.UserID)
	return s
}

func (r *room) of(store *tokens.Store, i int) tokens.Session {
	r.t.Helper()
	s, err := store.Of(r.t.Context(), r.users[i])
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *room) validator() *tokens.Validator {
	return tokens.NewValidator(r.store, r.client, true, slog.New(slog.NewTextHandler(&r.log, nil)))
}

// TestTokensAreEncrypted: in the table nothing of them shows; a row opens with its
// key, for its user and its kind alone; and keys can be replaced.
func TestTokensAreEncrypted(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	put := r.put(0, time.Hour)
	if row := pgtest.QueryValue[string](t, r.target, "SELECT t::text || encode(access_token, 'escape') || encode(refresh_token, 'escape') FROM moderation_api.twitch_tokens t"); strings.Contains(row, "s3cret") {
		t.Errorf("the table shows %s", row)
	}
	if got := r.of(r.store, 0); got.Access != put.Access || got.Refresh != put.Refresh {
		t.Error("another token came back")
	}
	if shown := fmt.Sprintf("%v %+v %#v", put, put, put); strings.Contains(shown, "s3cret") {
		t.Errorf("a session shows itself: %s", shown)
	}
	next := r.with(tokens.Random(), r.key)
	if got := r.of(next, 0); got.Access != put.Access {
		t.Error("the previous key does not open")
	}
	if _, err := r.with(tokens.Random()).Of(t.Context(), r.users[0]); err == nil || !strings.Contains(err.Error(), "TOKEN_KEY_PREVIOUS") {
		t.Errorf("without the key: %v", err)
	}
	r.put(1, time.Hour)
	pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens a SET access_token = b.access_token FROM moderation_api.twitch_tokens b WHERE a.user_id = $1 AND b.user_id = $2", r.users[0], r.users[1])
	if _, err := r.store.Of(t.Context(), r.users[0]); err == nil {
		t.Error("another user's token opens")
	}
	pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET access_token = refresh_token WHERE user_id = $1", r.users[1])
	if _, err := r.store.Of(t.Context(), r.users[1]); err == nil {
		t.Error("a refresh token opens as an access token")
	}
	for _, junk := range []string{"", "short", "AAAA"} {
		if _, err := tokens.NewKeyring(junk); err == nil {
			t.Errorf("%q is a key", junk)
		}
	}
}

// TestSessionsAreValidated: what is due once, by whichever of several validators
// comes first; not again within the hour; what ends soon is refreshed; what Twitch
// does not take is noted.
func TestSessionsAreValidated(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.put(0, 4*time.Hour)
	ending := r.put(1, 5*time.Minute)
	unknown := tokens.Session{UserID: r.users[2], TwitchUserID: "9002", Access: twitch.NewToken("s3cret-unknown")}
	if err := r.store.Put(t.Context(), unknown); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = now() - interval '61 minutes'")
	var all sync.WaitGroup
	for range 4 {
		v := tokens.NewValidator(r.store, r.client, true, slog.New(slog.DiscardHandler))
		all.Go(func() {
			if err := v.Round(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.fake.Requests(validateRoute); n != 3 {
		t.Errorf("Twitch was asked about 3 sessions %d times", n)
	}
	if s := r.of(r.store, 0); s.Invalid != "" || !s.Has(twitch.ScopeManageBans) {
		t.Errorf("the good session: %+v", s)
	}
	if s := r.of(r.store, 1); s.Invalid != "" || s.Access == ending.Access || time.Until(s.ExpiresAt) < time.Hour {
		t.Errorf("the ending session was not refreshed: %+v", s)
	}
	if s := r.of(r.store, 2); s.Invalid == "" {
		t.Error("a session that Twitch does not take is good")
	}
	if err := r.validator().Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.fake.Requests(validateRoute); n != 3 {
		t.Errorf("within the hour Twitch was asked again: %d", n)
	}
	if strings.Contains(r.log.String(), "s3cret") {
		t.Errorf("a token is in the log:\n%s", r.log.String())
	}
}

// TestTwitchAwayEndsNoSession: the round fails, the session stays good and due.
func TestTwitchAwayEndsNoSession(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.put(0, 4*time.Hour)
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 503})
	if err := r.validator().Round(t.Context()); err == nil {
		t.Error("the round went well")
	}
	if s := r.of(r.store, 0); s.Invalid != "" {
		t.Errorf("the session ended: %s", s.Invalid)
	}
	// Another round, a minute later, asks again.
	pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = validated_at - interval '1 minute'")
	r.fake.Heal()
	pgtest.Eventually(t, func() bool { return r.validator().Round(t.Context()) == nil }, "Twitch is asked again")
	if n := r.fake.Requests(validateRoute); n < 2 {
		t.Error("the session is not due any more")
	}
}

// TestARejectionOfAnOldTokenSparesTheNewOne: it was renewed while the old one was
// being used.
func TestARejectionOfAnOldTokenSparesTheNewOne(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	old := r.put(0, time.Hour)
	renewed := old
	renewed.Access = twitch.NewToken("s3cret-new")
	if err := r.store.Put(t.Context(), renewed); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Rejected(t.Context(), old, "late"); err != nil {
		t.Fatal(err)
	}
	if s := r.of(r.store, 0); s.Invalid != "" {
		t.Error("the new session ended with the old one")
	}
	if err := r.store.Rejected(t.Context(), renewed, "over"); err != nil {
		t.Fatal(err)
	}
	if s := r.of(r.store, 0); s.Invalid != "over" {
		t.Error("a rejection is not noted")
	}
	if _, err := r.store.OfTwitch(t.Context(), "9000"); err != nil {
		t.Error(err)
	}
	if _, err := r.store.Of(context.WithoutCancel(t.Context()), uuid.New()); !errors.Is(err, tokens.ErrNone) {
		t.Errorf("nobody's session: %v", err)
	}
}

// TestDevelopmentTokens are read from a file whose mistakes are named by their line.
func TestDevelopmentTokens(t *testing.T) {
	t.Parallel()
	user := uuid.New()
	f, err := tokens.ReadFixed([]byte("# mine\n\n" + user.String() + " 123 s3cret a,b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := f.Of(t.Context(), user); err != nil || !s.Has("b") || s.TwitchUserID != "123" {
		t.Errorf("%+v %v", s, err)
	}
	for _, junk := range []string{"x 1 s3cret", user.String() + " s3cret", user.String() + " 1 s3cret a b"} {
		if _, err := tokens.ReadFixed([]byte("\n" + junk)); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
}
