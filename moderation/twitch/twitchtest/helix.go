package twitchtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	scopeManage = "moderator:manage:banned_users"
	scopeRead   = "moderation:read"
)

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// fail answers in the one error shape.
func fail(w http.ResponseWriter, status int, message string) {
	reply(w, status, map[string]any{"error": http.StatusText(status), "status": status, "message": message})
}

// bearer is the token of a request, or an answer is written. One of the scopes is
// needed. The lock is held.
func (s *Server) bearer(w http.ResponseWriter, r *http.Request, needed ...string) (Token, bool) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t, known := s.tokens[secret]
	switch {
	case !ok:
		fail(w, http.StatusUnauthorized, "OAuth token is missing")
	case !known, !t.expires.After(s.options.Now()):
		fail(w, http.StatusUnauthorized, "Invalid OAuth token")
	case r.Header.Get("Client-Id") != s.options.ClientID:
		fail(w, http.StatusUnauthorized, "Client ID and OAuth token do not match")
	case !slices.ContainsFunc(needed, func(n string) bool { return slices.Contains(t.Scopes, n) }):
		fail(w, http.StatusUnauthorized, "Missing scope: "+strings.Join(needed, " or "))
	default:
		return t, true
	}
	return Token{}, false
}

// moderates is whether the request's moderator may act in its channel, or an
// answer is written. The lock is held.
func (s *Server) moderates(w http.ResponseWriter, r *http.Request) (broadcaster, moderator string, ok bool) {
	t, ok := s.bearer(w, r, scopeManage)
	if !ok {
		return "", "", false
	}
	query := r.URL.Query()
	broadcaster, moderator = query.Get("broadcaster_id"), query.Get("moderator_id")
	switch {
	case broadcaster == "":
		fail(w, http.StatusBadRequest, `Missing required parameter "broadcaster_id"`)
	case moderator == "":
		fail(w, http.StatusBadRequest, `Missing required parameter "moderator_id"`)
	case moderator != t.UserID:
		fail(w, http.StatusUnauthorized, "The ID in moderator_id must match the user ID found in the request's OAuth token.")
	case broadcaster != moderator && !s.moderators[[2]string{broadcaster, moderator}]:
		fail(w, http.StatusForbidden, "The user in moderator_id is not one of the broadcaster's moderators.")
	default:
		return broadcaster, moderator, true
	}
	return "", "", false
}

type banData struct {
	UserID   string `json:"user_id"`
	Duration *int64 `json:"duration"`
	Reason   string `json:"reason"`
}

// decodeBan reads a request's one object; the text is what is wrong with it.
func decodeBan(body []byte) (banData, string) {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return banData{}, "The request body is not valid JSON."
	}
	if d := bytes.TrimSpace(envelope.Data); len(d) == 0 || d[0] != '{' {
		return banData{}, `The "data" field must be a single object.`
	}
	var d banData
	switch err := json.Unmarshal(envelope.Data, &d); {
	case err != nil:
		return banData{}, `A field of "data" is not of its type.`
	case d.UserID == "":
		return banData{}, `Missing required field "user_id".`
	case d.Duration != nil && (*d.Duration < 1 || *d.Duration > 1_209_600):
		return banData{}, "The duration must be between 1 and 1209600 seconds."
	case utf8.RuneCountInString(d.Reason) > 500:
		return banData{}, "The reason is longer than 500 characters."
	}
	return d, ""
}

func (s *Server) ban(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	broadcaster, moderator, ok := s.moderates(w, r)
	if !ok {
		return
	}
	d, wrong := decodeBan(body)
	if wrong != "" {
		fail(w, http.StatusBadRequest, wrong)
		return
	}
	key := [2]string{broadcaster, d.UserID}
	have, banned := s.standing(key)
	switch {
	case d.UserID == broadcaster, s.protected[d.UserID]:
		fail(w, http.StatusBadRequest, "user cannot be banned")
		return
	case banned && have.EndTime == nil:
		fail(w, http.StatusBadRequest, "The user specified in the user_id field is already banned.")
		return
	}
	now := s.options.Now().UTC()
	b := Ban{BroadcasterID: broadcaster, ModeratorID: moderator, UserID: d.UserID, Reason: d.Reason, CreatedAt: now}
	if d.Duration != nil {
		end := now.Add(time.Duration(*d.Duration) * time.Second)
		b.EndTime = &end
	}
	s.bans[key] = b
	s.applied++
	reply(w, http.StatusOK, map[string]any{"data": []any{map[string]any{
		"broadcaster_id": b.BroadcasterID, "moderator_id": b.ModeratorID, "user_id": b.UserID,
		"created_at": b.CreatedAt, "end_time": b.EndTime,
	}}})
}

func (s *Server) unban(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broadcaster, _, ok := s.moderates(w, r)
	if !ok {
		return
	}
	user := r.URL.Query().Get("user_id")
	if user == "" {
		fail(w, http.StatusBadRequest, `Missing required parameter "user_id"`)
		return
	}
	key := [2]string{broadcaster, user}
	if _, banned := s.standing(key); !banned {
		fail(w, http.StatusBadRequest, "The user specified in the user_id query parameter is not banned.")
		return
	}
	delete(s.bans, key)
	s.applied++
	w.WriteHeader(http.StatusNoContent)
}

// asks is the channel that a request asks about, if its token may: Twitch tells the
// broadcaster alone who is banned and who moderates. Otherwise an answer is written.
// The lock is held.
func (s *Server) asks(w http.ResponseWriter, r *http.Request, needed ...string) (broadcaster string, ok bool) {
	t, ok := s.bearer(w, r, needed...)
	if !ok {
		return "", false
	}
	broadcaster = r.URL.Query().Get("broadcaster_id")
	switch {
	case broadcaster == "":
		fail(w, http.StatusBadRequest, `Missing required parameter "broadcaster_id"`)
	case broadcaster == t.UserID, s.options.TellsModerators && s.moderators[[2]string{broadcaster, t.UserID}]:
		return broadcaster, true
	default:
		fail(w, http.StatusUnauthorized, "The ID in broadcaster_id must match the user ID found in the request's OAuth token.")
	}
	return "", false
}

// named are the users that a question is about; none is everybody. Helix takes at
// most 100.
func named(w http.ResponseWriter, r *http.Request) (users []string, ok bool) {
	users = r.URL.Query()["user_id"]
	if len(users) > 100 {
		fail(w, http.StatusBadRequest, "The number of user_id query parameters exceeds the maximum.")
		return nil, false
	}
	return users, true
}

func isNamed(users []string, user string) bool {
	return len(users) == 0 || slices.Contains(users, user)
}

func (s *Server) banned(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broadcaster, ok := s.asks(w, r, scopeRead, scopeManage)
	if !ok {
		return
	}
	users, ok := named(w, r)
	if !ok {
		return
	}
	list := []any{}
	for _, key := range sorted(s.bans) {
		b, stands := s.standing(key)
		if !stands || b.BroadcasterID != broadcaster || !isNamed(users, b.UserID) {
			continue
		}
		expires := ""
		if b.EndTime != nil {
			expires = b.EndTime.Format(time.RFC3339)
		}
		list = append(list, map[string]any{
			"user_id": b.UserID, "expires_at": expires, "created_at": b.CreatedAt, "reason": b.Reason, "moderator_id": b.ModeratorID,
		})
	}
	reply(w, http.StatusOK, map[string]any{"data": list, "pagination": map[string]any{}})
}

func (s *Server) isModerator(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broadcaster, ok := s.asks(w, r, scopeRead, "channel:manage:moderators")
	if !ok {
		return
	}
	users, ok := named(w, r)
	if !ok {
		return
	}
	list := []any{}
	for _, key := range sorted(s.moderators) {
		if key[0] == broadcaster && isNamed(users, key[1]) {
			list = append(list, map[string]any{"user_id": key[1], "user_login": "user" + key[1], "user_name": "User" + key[1]})
		}
	}
	reply(w, http.StatusOK, map[string]any{"data": list, "pagination": map[string]any{}})
}

// sorted are the keys in an order that two runs share.
func sorted[V any](m map[[2]string]V) [][2]string {
	return slices.SortedFunc(maps.Keys(m), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
}

func (s *Server) validate(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	header := r.Header.Get("Authorization")
	secret, ok := strings.CutPrefix(header, "OAuth ")
	if !ok {
		secret = strings.TrimPrefix(header, "Bearer ")
	}
	t, known := s.tokens[secret]
	left := t.expires.Sub(s.options.Now())
	if !known || left <= 0 {
		reply(w, http.StatusUnauthorized, map[string]any{"status": http.StatusUnauthorized, "message": "invalid access token"})
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"client_id": s.options.ClientID, "login": "user" + t.UserID, "user_id": t.UserID,
		"scopes": t.Scopes, "expires_in": int64(left / time.Second),
	})
}

func (s *Server) refresh(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "refresh_token" {
		fail(w, http.StatusBadRequest, "missing grant type")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.PostForm.Get("client_id") != s.options.ClientID || r.PostForm.Get("client_secret") != s.options.ClientSecret {
		fail(w, http.StatusForbidden, "invalid client secret")
		return
	}
	for access, t := range s.tokens {
		if t.Refresh == "" || t.Refresh != r.PostForm.Get("refresh_token") {
			continue
		}
		delete(s.tokens, access)
		s.minted++
		t.Access, t.Refresh = fmt.Sprintf("access-%d", s.minted), fmt.Sprintf("refresh-%d", s.minted)
		t.ExpiresIn, t.expires = 4*3600, s.options.Now().Add(4*time.Hour)
		s.tokens[t.Access] = t
		reply(w, http.StatusOK, map[string]any{
			"access_token": t.Access, "refresh_token": t.Refresh, "scope": t.Scopes, "expires_in": t.ExpiresIn, "token_type": "bearer",
		})
		return
	}
	fail(w, http.StatusBadRequest, "Invalid refresh token")
}
