package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/queue"
)

// perUser is the service's limit: each broadcaster bans as often as an hour allows.
const perUser = 10

// people are those who ask.
type people struct {
	secret       string
	moderator    uuid.UUID
	broadcasters []broadcaster
	cases        int
	began        time.Time // the oldest case's time
}

type broadcaster struct {
	id       uuid.UUID
	twitchID string
	session  string
}

func (p people) session(user uuid.UUID) string {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user.String(), "aud": audience, "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(p.secret))
	if err != nil {
		panic(err) // the secret is our own
	}
	return text
}

const queuePath = "/api/v1/moderation/queue?status=pending&limit=20"

func (p people) firstPage(int) request {
	return request{method: "GET", path: queuePath, session: p.session(p.moderator), want: 200}
}

// somePage is a page that begins anywhere in the million.
func (p people) somePage(int) request {
	at := p.began.Add(time.Duration(rand.IntN(p.cases)) * time.Second)
	key, err := json.Marshal(queue.Key{Priority: 50, CreatedAt: at, ID: uuid.New()})
	if err != nil {
		panic(err) // it is a struct of three plain fields
	}
	r := p.firstPage(0)
	r.path += "&cursor=" + base64.RawURLEncoding.EncodeToString(key)
	return r
}

// ban is the next ban of the broadcaster whose turn it is; warming up has its own.
func (p people) ban(i int) request {
	if i < 0 {
		i = len(p.broadcasters)*perUser + i
	}
	b := p.broadcasters[i/perUser%len(p.broadcasters)]
	return request{
		method: "POST", path: "/api/v1/moderation/twitch/ban", session: b.session, want: 200,
		body: fmt.Sprintf(`{"broadcasterID":%q,"userID":"%d","reason":"spam"}`, b.twitchID, 1_000_000+i),
	}
}
