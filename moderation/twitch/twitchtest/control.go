package twitchtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// controls are the server's strings, for other programs:
//
//	POST   /_control/faults      a Fault: {"kind":"status","status":503,"rate":0.3}
//	DELETE /_control/faults      heals
//	POST   /_control/tokens      a Token
//	POST   /_control/moderators  {"broadcaster_id","user_id"}
//	POST   /_control/protected   {"user_id"}
//	POST   /_control/reset       forgets everything
//	GET    /_control/state       bans, counts of requests and changes
func (s *Server) controls() {
	type pair struct {
		Broadcaster string `json:"broadcaster_id"`
		User        string `json:"user_id"`
	}
	control(s, "faults", func(f Fault) error {
		if !slices.Contains(kinds, f.Kind) {
			return fmt.Errorf("kind is %q; allowed are %q", f.Kind, kinds)
		}
		if !(f.Rate >= 0 && f.Rate <= 1) {
			return fmt.Errorf("rate is %v; allowed is 0 to 1", f.Rate)
		}
		if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
			return fmt.Errorf("status is %d; allowed is 200 to 599", f.Status)
		}
		s.Fail(f)
		return nil
	})
	control(s, "tokens", func(t Token) error {
		if t.Access == "" || t.UserID == "" {
			return fmt.Errorf("token and user_id are needed")
		}
		s.AddToken(t)
		return nil
	})
	control(s, "moderators", func(p pair) error { s.AddModerator(p.Broadcaster, p.User); return nil })
	control(s, "protected", func(p pair) error { s.Protect(p.User); return nil })
	s.mux.HandleFunc("DELETE /_control/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.Heal()
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("POST /_control/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("GET /_control/state", func(w http.ResponseWriter, _ *http.Request) {
		bans := s.Bans()
		s.mu.Lock()
		defer s.mu.Unlock()
		reply(w, http.StatusOK, map[string]any{"bans": bans, "requests": s.seen, "applied": s.applied})
	})
}

// control is a POST with one JSON object.
func control[T any](s *Server, name string, do func(T) error) {
	s.mux.HandleFunc("POST /_control/"+name, func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		d.DisallowUnknownFields()
		err := d.Decode(&v)
		if err == nil {
			err = do(v)
		}
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
