package runbook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// person is a broadcaster.
type person struct {
	id       uuid.UUID
	twitchID string
}

func (w *world) addPeople(key string, n int) {
	t := w.t
	t.Helper()
	keys, err := tokens.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := database.Open(t.Context(), database.Config{URL: w.target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	store := tokens.NewStore(pool, keys)
	conn := pgtest.Connect(t, w.target)
	for i := range n {
		p := person{twitchID: fmt.Sprint(900_000 + i)}
		if err := conn.QueryRow(t.Context(), `INSERT INTO users (twitch_id, username, role) VALUES ($1, $1, 'user') RETURNING id`, p.twitchID).Scan(&p.id); err != nil {
			t.Fatal(err)
		}
		access := "token-" + p.twitchID
		w.helix.AddToken(twitchtest.Token{Access: access, UserID: p.twitchID, Scopes: []string{twitch.ScopeManageBans}})
		err := store.Put(t.Context(), tokens.Session{
			UserID: p.id, TwitchUserID: p.twitchID, Access: twitch.NewToken(access), Scopes: []string{twitch.ScopeManageBans}, ExpiresAt: time.Now().Add(4 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		w.people = append(w.people, p)
	}
}

// traffic has everybody ban somebody, so many times each, at whichever instance, and
// counts the answers by their code, "" for success.
func (w *world) traffic(times int) map[string]int {
	w.t.Helper()
	pgtest.Exec(w.t, w.target, "DELETE FROM moderation_api.ban_operations") // an hour has passed
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	limit := make(chan struct{}, 6)
	for range times {
		for i, p := range w.people {
			w.bans++
			user, at := fmt.Sprint(10_000_000+w.bans), w.instances[(i+w.bans)%len(w.instances)]
			limit <- struct{}{}
			all.Go(func() {
				defer func() { <-limit }()
				code := w.ban(p, at, user)
				mu.Lock()
				defer mu.Unlock()
				answers[code]++
			})
		}
	}
	all.Wait()
	return answers
}

func (w *world) ban(p person, at, user string) (code string) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": p.id.String(), "aud": "clipper", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(sessionSecret))
	if err != nil {
		return err.Error()
	}
	body := fmt.Sprintf(`{"broadcasterID":%q,"userID":%q,"reason":"spam"}`, p.twitchID, user)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, at+"/api/v1/moderation/twitch/ban", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Code string }
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode == http.StatusOK {
		return ""
	}
	_ = json.Unmarshal(text, &answer)
	return answer.Code
}
