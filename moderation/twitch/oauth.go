package twitch

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Scopes that the moderation of channels needs.
const (
	ScopeManageBans        = "moderator:manage:banned_users"
	ScopeChannelManageBans = "channel:manage:banned_users"
	ScopeReadModeration    = "moderation:read"
)

// Validation is what Twitch says of a token.
type Validation struct {
	ClientID string
	Login    string
	UserID   string
	Scopes   []string
	Expires  time.Time // zero: never
}

// Has is whether the token has the scope.
func (v Validation) Has(scope string) bool { return slices.Contains(v.Scopes, scope) }

// Validate asks about a token. One that is expired or revoked is an [*Error] of
// kind [Unauthorized].
func (c *Client) Validate(ctx context.Context, token Token) (Validation, error) {
	r := request{
		operation: "validate", method: http.MethodGet, url: c.config.AuthURL + "/validate",
		auth: "OAuth " + token.Reveal(), secrets: []Token{token}, breaker: c.auth,
	}
	out, err := c.do(ctx, r, policy{safe: true})
	if err != nil {
		return Validation{}, err
	}
	v, problem := decodeValidation(out.answer.body, time.Now())
	if problem == "" && out.answer.cut {
		problem = "the answer broke off or is too long"
	}
	if problem != "" {
		return Validation{}, &Error{Operation: r.operation, Kind: Malformed, Status: out.answer.status, Message: problem, Attempts: out.attempts}
	}
	return v, nil
}

// maxLifetime bounds what expires_in is believed, so that no sum overflows.
const maxLifetime = 10 * 365 * 24 * time.Hour

func decodeValidation(body []byte, now time.Time) (Validation, string) {
	var shape struct {
		ClientID  string `json:"client_id"`
		Login     string `json:"login"`
		UserID    string `json:"user_id"`
		Scopes    scopes `json:"scopes"`
		ExpiresIn int64  `json:"expires_in"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return Validation{}, "the answer is not what was expected"
	}
	if shape.UserID == "" {
		return Validation{}, "the answer names no user: an app's token, or not Twitch"
	}
	return Validation{
		ClientID: shape.ClientID, Login: shape.Login, UserID: shape.UserID, Scopes: shape.Scopes,
		Expires: expiry(now, shape.ExpiresIn),
	}, ""
}

// expiry is the zero time for a token that does not expire.
func expiry(now time.Time, seconds int64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(min(seconds, int64(maxLifetime/time.Second))) * time.Second)
}

// scopes are a list, null, or, where a server follows RFC 6749, one text.
type scopes []string

func (s *scopes) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*s = strings.Fields(text)
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// Grant is a pair of tokens.
type Grant struct {
	Access  Token
	Refresh Token // the one sent, where Twitch gives no new one
	Scopes  []string
	Expires time.Time // zero: Twitch did not say
}

// Refresh trades a refresh token for a new pair. One that Twitch no longer takes
// is an [*Error] of kind [Unauthorized] or [Invalid]. It is not repeated after an
// attempt that Twitch may have served: a refresh token can be good for one use.
func (c *Client) Refresh(ctx context.Context, refresh Token) (Grant, error) {
	if c.config.ClientSecret.IsZero() {
		return Grant{}, &Error{Operation: "refresh", Kind: Invalid, Message: "the client's secret is not configured; nothing was sent"}
	}
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()},
		"client_id": {c.config.ClientID}, "client_secret": {c.config.ClientSecret.Reveal()},
	}
	r := request{
		operation: "refresh", method: http.MethodPost, url: c.config.AuthURL + "/token",
		contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
		secrets: []Token{refresh, c.config.ClientSecret}, breaker: c.auth,
	}
	out, err := c.do(ctx, r, policy{})
	if err != nil {
		return Grant{}, err
	}
	grant, ok := decodeGrant(out.answer.body, time.Now())
	if !ok || out.answer.cut {
		return Grant{}, &Error{Operation: r.operation, Kind: Malformed, Status: out.answer.status, Message: "the answer holds no token", Attempts: out.attempts}
	}
	if grant.Refresh.IsZero() {
		grant.Refresh = refresh
	}
	return grant, nil
}

func decodeGrant(body []byte, now time.Time) (Grant, bool) {
	var shape struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		Scope        scopes `json:"scope"`
		ExpiresIn    int64  `json:"expires_in"`
	}
	if json.Unmarshal(body, &shape) != nil || shape.AccessToken == "" {
		return Grant{}, false
	}
	return Grant{
		Access: NewToken(shape.AccessToken), Refresh: NewToken(shape.RefreshToken),
		Scopes: shape.Scope, Expires: expiry(now, shape.ExpiresIn),
	}, true
}
