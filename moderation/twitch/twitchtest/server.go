package twitchtest

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Options of a Server.
type Options struct {
	ClientID     string           // the client all tokens are of; "" = "client"
	ClientSecret string           // for refreshing; "" = "secret"
	Now          func() time.Time // time.Now
	// TellsModerators lets a channel's moderators, too, ask who is banned and who
	// moderates, as servers that imitate Helix do; Twitch tells the broadcaster alone.
	TellsModerators bool
	Seed            uint64 // of the draw whether a request fails; two runs with one seed fail alike
}

// Token is an access token that the server knows.
type Token struct {
	Access    string   `json:"token"`
	Refresh   string   `json:"refresh_token"`
	UserID    string   `json:"user_id"`
	Scopes    []string `json:"scopes"`
	ExpiresIn int64    `json:"expires_in"` // seconds; 0 = four hours

	expires time.Time
}

// Ban is a ban that stands.
type Ban struct {
	BroadcasterID string     `json:"broadcaster_id"`
	ModeratorID   string     `json:"moderator_id"`
	UserID        string     `json:"user_id"`
	Reason        string     `json:"reason"`
	CreatedAt     time.Time  `json:"created_at"`
	EndTime       *time.Time `json:"end_time"`
}

// Server is the stand-in; it is an http.Handler.
type Server struct {
	options Options
	mux     *http.ServeMux

	mu         sync.Mutex
	draw       *rand.Rand
	tokens     map[string]Token
	moderators map[[2]string]bool // broadcaster, user
	protected  map[string]bool    // users that may not be banned
	bans       map[[2]string]Ban  // broadcaster, user
	faults     []*Fault
	seen       map[string]int // "METHOD /path" → requests
	applied    int            // changes of a ban's state
	minted     int
}

// New makes a server that knows nobody.
func New(o Options) *Server {
	if o.ClientID == "" {
		o.ClientID = "client"
	}
	if o.ClientSecret == "" {
		o.ClientSecret = "secret"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{options: o, mux: http.NewServeMux()}
	s.Reset()
	s.mux.HandleFunc("POST /helix/moderation/bans", s.faulty(s.ban))
	s.mux.HandleFunc("DELETE /helix/moderation/bans", s.faulty(s.unban))
	s.mux.HandleFunc("GET /helix/moderation/banned", s.faulty(s.banned))
	s.mux.HandleFunc("GET /helix/moderation/moderators", s.faulty(s.isModerator))
	s.mux.HandleFunc("GET /oauth2/validate", s.faulty(s.validate))
	s.mux.HandleFunc("POST /oauth2/token", s.faulty(s.refresh))
	s.controls()
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Reset forgets everything, the faults too.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw = rand.New(rand.NewPCG(s.options.Seed, 1))
	s.tokens, s.moderators, s.protected = map[string]Token{}, map[[2]string]bool{}, map[string]bool{}
	s.bans, s.seen, s.faults, s.applied = map[[2]string]Ban{}, map[string]int{}, nil, 0
}

// AddToken makes a token known.
func (s *Server) AddToken(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ExpiresIn == 0 {
		t.ExpiresIn = 4 * 3600
	}
	t.expires = s.options.Now().Add(time.Duration(t.ExpiresIn) * time.Second)
	s.tokens[t.Access] = t
}

// AddModerator makes a user moderate a channel.
func (s *Server) AddModerator(broadcaster, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moderators[[2]string{broadcaster, user}] = true
}

// RemoveModerator makes a user moderate a channel no more.
func (s *Server) RemoveModerator(broadcaster, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.moderators, [2]string{broadcaster, user})
}

// Protect makes a user one that may not be banned.
func (s *Server) Protect(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.protected[user] = true
}

// Bans are those that stand now.
func (s *Server) Bans() []Ban {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Ban{}
	for key := range s.bans {
		if b, ok := s.standing(key); ok {
			list = append(list, b)
		}
	}
	return list
}

// Applied is how often a ban's state was changed.
func (s *Server) Applied() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}

// Requests is how many came in of "POST /helix/moderation/bans" and the like.
func (s *Server) Requests(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[route]
}

// standing is the ban of a key unless its time is over. The lock is held.
func (s *Server) standing(key [2]string) (Ban, bool) {
	b, ok := s.bans[key]
	if ok && b.EndTime != nil && !b.EndTime.After(s.options.Now()) {
		delete(s.bans, key)
		return Ban{}, false
	}
	return b, ok
}
