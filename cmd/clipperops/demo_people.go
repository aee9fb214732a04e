package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// banScope is what a session must have to ban.
const banScope = "moderator:manage:banned_users"

// demoPeople is how many broadcasters moderate their channels in the demo.
const demoPeople = 150

// broadcaster is one of them.
type broadcaster struct{ id, twitchID string }

// broadcasters are users of the sandbox who may use the feature.
func (d *demo) broadcasters(ctx context.Context) ([]broadcaster, error) {
	conn, err := pg.Connect(ctx, d.sandbox.Target, pg.ConnOptions{Application: "clipperops demo", ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	rows, err := conn.Query(ctx, `SELECT id::text, twitch_id FROM users
		WHERE role = 'user' AND is_banned IS NOT TRUE AND twitch_id ~ '^[1-9][0-9]*$' ORDER BY id LIMIT $1`, demoPeople)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b broadcaster, err error) {
		return b, row.Scan(&b.id, &b.twitchID)
	})
}

// writeSessions writes the people's sessions at Twitch where the service reads them.
func writeSessions(path string, people []broadcaster) error {
	var lines strings.Builder
	for _, p := range people {
		fmt.Fprintln(&lines, p.id, p.twitchID, "demo-"+p.twitchID, banScope)
	}
	return os.WriteFile(path, []byte(lines.String()), 0o600)
}

// tell sends something to the stand-in for Twitch.
func (s *service) tell(ctx context.Context, method, path string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.twitch+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode >= 300 {
		return fmt.Errorf("the stand-in for Twitch answered %s", response.Status)
	}
	return nil
}

// introduce makes the people's sessions known to the stand-in for Twitch.
func (s *service) introduce(ctx context.Context, people []broadcaster) error {
	for _, p := range people {
		err := s.tell(ctx, http.MethodPost, "/_control/tokens", map[string]any{"token": "demo-" + p.twitchID, "user_id": p.twitchID, "scopes": []string{banScope}})
		if err != nil {
			return err
		}
	}
	return nil
}

// moderate has everybody ban somebody; seq makes it somebody else each time. It counts
// the answers by their code, "" for success.
func (s *service) moderate(ctx context.Context, people []broadcaster, seq int) map[string]int {
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	limit := make(chan struct{}, 4)
	for i, p := range people {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			code := s.ban(ctx, p, s.instances[i%len(s.instances)], fmt.Sprint(1_000_000*(seq+1)+i))
			mu.Lock()
			defer mu.Unlock()
			answers[code]++
		})
	}
	all.Wait()
	return answers
}

func (s *service) ban(ctx context.Context, p broadcaster, at, user string) (code string) {
	session, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": p.id, "aud": demoAudience, "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(s.secret))
	if err != nil {
		return err.Error()
	}
	body := fmt.Sprintf(`{"broadcasterID":%q,"userID":%q,"reason":"spam"}`, p.twitchID, user)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/api/v1/moderation/twitch/ban", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+session)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "no answer"
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode == http.StatusOK {
		return ""
	}
	var answer struct{ Code string }
	_ = json.NewDecoder(response.Body).Decode(&answer) // without a code it is still no success
	if answer.Code == "" {
		return response.Status
	}
	return answer.Code
}
