package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// moodyTwitch is a Twitch that answers about some sessions as a test says.
type moodyTwitch struct {
	tokens.OAuth
	about map[twitch.Token]error

	mu    sync.Mutex
	asked map[twitch.Token]int
}

func (m *moodyTwitch) Validate(ctx context.Context, access twitch.Token) (twitch.Validation, error) {
	m.mu.Lock()
	if m.asked == nil {
		m.asked = map[twitch.Token]int{}
	}
	m.asked[access]++
	m.mu.Unlock()
	if err := m.about[access]; err != nil {
		return twitch.Validation{}, err
	}
	return m.OAuth.Validate(ctx, access)
}

func (m *moodyTwitch) times(s tokens.Session) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[s.Access]
}

// TestABadSessionStarvesNoOther: whatever Twitch does with one session at the head of
// the round, the others are validated, in this round or in the next.
func TestABadSessionStarvesNoOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		rounds int // in which all others have had their turn
	}{
		"5xx for it alone":         {&twitch.Error{Operation: "validate", Kind: twitch.Upstream, Status: 500}, 1},
		"no answer for it":         {&twitch.Error{Operation: "validate", Kind: twitch.Timeout}, 1},
		"an answer without a user": {&twitch.Error{Operation: "validate", Kind: twitch.Malformed, Status: 200}, 1},
		"404":                      {&twitch.Error{Operation: "validate", Kind: twitch.NotFound, Status: 404}, 1},
		"too many requests":        {&twitch.RateLimited{Operation: "validate", RetryAfter: time.Second}, 2},
		"nothing is sent":          {&twitch.Error{Operation: "validate", Kind: twitch.CircuitOpen}, 2},
		"a failure of ours":        {errors.New("something else"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			bad, good, late := r.put(0, 4*time.Hour), r.put(1, 4*time.Hour), r.put(2, 4*time.Hour)
			// The bad one has waited longest.
			pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = now() - interval '70 minutes'")
			pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = now() - interval '90 minutes' WHERE user_id = $1", bad.UserID)
			moody := &moodyTwitch{OAuth: r.client, about: map[twitch.Token]error{bad.Access: c.err}}
			v := tokens.NewValidator(r.store, moody, true, slog.New(slog.DiscardHandler))
			for n := 1; n <= c.rounds; n++ {
				err := v.Round(t.Context())
				if n == 1 && !errors.Is(err, c.err) {
					t.Errorf("the round ended with %v", err)
				}
			}
			if moody.times(bad) != 1 || moody.times(good) != 1 || moody.times(late) != 1 {
				t.Errorf("asked about the bad session %d times, about the others %d and %d times", moody.times(bad), moody.times(good), moody.times(late))
			}
			if s := r.of(r.store, 0); s.Invalid != "" {
				t.Errorf("the session ended: %s", s.Invalid)
			}
		})
	}
}

// TestASessionThatIsNotAnsweredComesBehindTheOthers: in the next round, too, it holds
// up nobody, and it is tried again.
func TestASessionThatIsNotAnsweredComesBehindTheOthers(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	bad, good := r.put(0, 4*time.Hour), r.put(1, 4*time.Hour)
	pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = now() - interval '60 minutes' WHERE user_id = $1", good.UserID)
	open := &twitch.Error{Operation: "validate", Kind: twitch.CircuitOpen}
	moody := &moodyTwitch{OAuth: r.client, about: map[twitch.Token]error{bad.Access: open}}
	v := tokens.NewValidator(r.store, moody, true, slog.New(slog.DiscardHandler))
	for range 5 { // five minutes
		_ = v.Round(t.Context())
		pgtest.Exec(t, r.target, "UPDATE moderation_api.twitch_tokens SET validated_at = validated_at - interval '1 minute'")
	}
	if moody.times(good) != 1 || moody.times(bad) != 5 {
		t.Errorf("asked about the good session %d times, about the one that is not answered %d times", moody.times(good), moody.times(bad))
	}
}

// TestWhenTwitchIsAwayTheRoundStops: not every session is tried in vain, and none is
// lost.
func TestWhenTwitchIsAwayTheRoundStops(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := 3; i < 40; i++ {
		id := pgtest.QueryValue[string](t, r.target, `INSERT INTO users (twitch_id, username) VALUES ($1, $1) RETURNING id::text`, fmt.Sprint(9000+i))
		r.users = append(r.users, uuid.MustParse(id))
	}
	for i := range r.users {
		r.put(i, 4*time.Hour)
	}
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.HangUp})
	if err := r.validator().Round(t.Context()); err == nil {
		t.Error("the round went well")
	}
	if n := r.fake.Requests(validateRoute); n > 10 {
		t.Errorf("Twitch, which is away, was asked %d times", n)
	}
	if n := pgtest.QueryValue[int](t, r.target, "SELECT count(*)::int FROM moderation_api.twitch_tokens WHERE invalid_reason IS NOT NULL"); n > 0 {
		t.Errorf("%d sessions ended", n)
	}
}

// TestInstancesShareARound: of forty sessions and six instances at once, each session
// is asked about, and each that ends is refreshed, exactly once.
func TestInstancesShareARound(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := 3; i < 40; i++ {
		id := pgtest.QueryValue[string](t, r.target, `INSERT INTO users (twitch_id, username) VALUES ($1, $1) RETURNING id::text`, fmt.Sprint(9000+i))
		r.users = append(r.users, uuid.MustParse(id))
	}
	for i := range r.users {
		lasts := 4 * time.Hour
		if i%2 == 1 {
			lasts = 5 * time.Minute
		}
		r.put(i, lasts)
	}
	var all sync.WaitGroup
	for range 6 {
		v := tokens.NewValidator(r.store, r.client, true, slog.New(slog.DiscardHandler))
		all.Go(func() {
			if err := v.Round(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked, refreshed := r.fake.Requests(validateRoute), r.fake.Requests("POST /oauth2/token"); asked != 40 || refreshed != 20 {
		t.Errorf("40 sessions, 20 of them about to end, were asked about %d times and refreshed %d times", asked, refreshed)
	}
	if n := pgtest.QueryValue[int](t, r.target, "SELECT count(*)::int FROM moderation_api.twitch_tokens WHERE invalid_reason IS NULL AND expires_at > now() + interval '1 hour'"); n != 40 {
		t.Errorf("%d of 40 sessions are good", n)
	}
}

// TestARefreshThatIsOvertakenLosesNoSession: while one instance refreshes, the session
// is refused to somebody and another instance takes it up; the refresh token is good
// for one use. What came for it is kept, whoever writes last.
func TestARefreshThatIsOvertakenLosesNoSession(t *testing.T) {
	t.Parallel()
	for _, firstKeepsLast := range []bool{true, false} {
		t.Run(fmt.Sprint("the first keeps last ", firstKeepsLast), func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			session := r.put(0, 5*time.Minute)
			granted, goOn := make(chan struct{}), make(chan struct{})
			slow := &heldGrant{OAuth: r.client, granted: granted, goOn: goOn}
			done := make(chan error, 1)
			go func() {
				done <- tokens.NewValidator(r.store, slow, true, slog.New(slog.DiscardHandler)).Round(t.Context())
			}()
			<-granted // Twitch has given new tokens; nothing is kept yet
			if err := r.store.Rejected(t.Context(), session, "refused"); err != nil {
				t.Fatal(err)
			}
			if !firstKeepsLast {
				close(goOn)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			if err := r.validator().Round(t.Context()); err != nil {
				t.Fatal(err)
			}
			if firstKeepsLast {
				close(goOn)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			s := r.of(r.store, 0)
			if _, err := r.client.Validate(t.Context(), s.Access); err != nil || s.Invalid != "" {
				t.Errorf("the session is lost: %q, %v", s.Invalid, err)
			}
		})
	}
}

// heldGrant keeps what Twitch gave back until the test says so.
type heldGrant struct {
	tokens.OAuth
	granted, goOn chan struct{}
}

func (h *heldGrant) Refresh(ctx context.Context, refresh twitch.Token) (twitch.Grant, error) {
	g, err := h.OAuth.Refresh(ctx, refresh)
	close(h.granted)
	<-h.goOn
	return g, err
}

func FuzzReadFixed(f *testing.F) {
	const user = "6f1c1a52-6c0e-4f6e-9f0a-0d6f6f1c2b3a"
	f.Add([]byte("# mine\n\n" + user + " 123 s3cret a,b\n"))
	f.Add([]byte(user + " 1 s3cret\n" + user + " 2 s3cret"))
	f.Add([]byte("{" + user + "} 1 s3cret ,,,\r\n"))
	f.Add([]byte(strings.Repeat("x", 70_000)))
	f.Fuzz(func(t *testing.T, content []byte) {
		fixed, err := tokens.ReadFixed(content)
		if (fixed == nil) == (err == nil) {
			t.Fatalf("%v and %v", fixed, err)
		}
		if err != nil {
			// Of what is in the file the error has the line's number alone.
			if text := err.Error(); len(text) > 120 || !strings.HasPrefix(text, "line ") || !strings.Contains(text, "development tokens") {
				t.Fatalf("the error is %q", text)
			}
			return
		}
		for line := range strings.Lines(string(content)) {
			id, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			u, err := uuid.Parse(id)
			if err != nil || strings.HasPrefix(id, "#") {
				continue
			}
			s, err := fixed.Of(t.Context(), u)
			if err != nil {
				continue // the fields are parted by something else than a space
			}
			again, err := fixed.OfTwitch(t.Context(), s.TwitchUserID)
			if err != nil || again.UserID != u || s.UserID != u || s.Access.IsZero() || s.TwitchUserID == "" {
				t.Fatalf("%v: %+v, and by the Twitch id %+v (%v)", u, s, again, err)
			}
			for _, scope := range s.Scopes {
				if scope == "" || strings.Contains(scope, ",") {
					t.Fatalf("a scope is %q", scope)
				}
			}
		}
	})
}
