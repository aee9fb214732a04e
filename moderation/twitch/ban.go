package twitch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"
	"unicode/utf8"
)

// What Helix takes.
const (
	MinDuration = time.Second
	MaxDuration = 1_209_600 * time.Second // two weeks
	MaxReason   = 500                     // characters
)

// Result is what was done.
type Result struct {
	BroadcasterID string
	ModeratorID   string
	UserID        string
	CreatedAt     time.Time // zero where Twitch did not say
	EndTime       time.Time // of a timeout; zero for a ban
	Checked       bool      // the answer was lost; that it is applied was asked afterwards
	Attempts      int       // how often it was sent
}

// checkSlack is how far a timeout's end may lie from the one asked for and still
// be it: clocks differ, and a request takes its time.
const checkSlack = 30 * time.Second

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func validIDs(operation string, ids ...string) error {
	for _, id := range ids {
		if !idPattern.MatchString(id) {
			return &Error{Operation: operation, Kind: Invalid, Message: "an id is empty or not an id; nothing was sent"}
		}
	}
	return nil
}

// Ban bans a user from a channel, or times them out where duration is not 0
// (whole seconds, 1 s to two weeks). The moderator is the token's user. The error
// is an [*Error] or a [*RateLimited].
func (c *Client) Ban(ctx context.Context, token Token, broadcaster, moderator, user, reason string, duration time.Duration) (Result, error) {
	if err := validBan(broadcaster, moderator, user, reason, duration); err != nil {
		return Result{}, err
	}
	body, err := json.Marshal(banBody{banData{UserID: user, Duration: int64(duration / time.Second), Reason: reason}})
	if err != nil {
		return Result{}, fmt.Errorf("twitch ban: %w", err)
	}
	r := c.helix("ban", http.MethodPost, "/moderation/bans", url.Values{"broadcaster_id": {broadcaster}, "moderator_id": {moderator}}, token)
	r.broadcaster, r.body, r.contentType = broadcaster, body, "application/json"

	began := time.Now()
	var standing Standing
	check := func(ctx context.Context) verdict {
		var err error
		if standing, err = c.Banned(ctx, token, broadcaster, user); err != nil {
			return unknown
		}
		if standing.is(duration, began, time.Now()) {
			return applied
		}
		return absent
	}
	settled := func(k Kind) bool { return k == AlreadyBanned || k == NotBannable }
	out, err := c.do(ctx, r, policy{check: check, settled: settled})
	if err != nil {
		return Result{}, err
	}
	result := Result{BroadcasterID: broadcaster, ModeratorID: moderator, UserID: user, Checked: out.checked, Attempts: out.attempts}
	if out.checked {
		result.CreatedAt, result.EndTime = standing.CreatedAt, standing.ExpiresAt
		return result, nil
	}
	return result, result.fill(out.answer)
}

func validBan(broadcaster, moderator, user, reason string, duration time.Duration) error {
	if err := validIDs("ban", broadcaster, moderator, user); err != nil {
		return err
	}
	wrong := ""
	switch {
	case duration != 0 && (duration < MinDuration || duration > MaxDuration || duration%time.Second != 0):
		wrong = "the duration is not whole seconds from 1 to 1209600"
	case !utf8.ValidString(reason):
		wrong = "the reason is not UTF-8"
	case utf8.RuneCountInString(reason) > MaxReason:
		wrong = "the reason is longer than 500 characters"
	default:
		return nil
	}
	return &Error{Operation: "ban", Kind: Invalid, Message: wrong + "; nothing was sent"}
}

// fill takes over what a good answer says. Its status alone says that the ban is
// applied: a body that is lost or strange takes nothing from that. One that names
// somebody else does.
func (r *Result) fill(a answer) error {
	list, err := entries[banEntry](a.body)
	if a.cut || err != nil || len(list) == 0 {
		return nil
	}
	for _, e := range list {
		if e.UserID == r.UserID {
			r.CreatedAt, r.EndTime = e.CreatedAt.Time, e.EndTime.Time
			return nil
		}
	}
	return &Error{
		Operation: "ban", Kind: Malformed, Status: a.status, Attempts: r.Attempts,
		Message: "the answer is about another user; look at the channel before repeating it",
	}
}

// Unban ends a ban or a timeout.
func (c *Client) Unban(ctx context.Context, token Token, broadcaster, moderator, user string) (Result, error) {
	if err := validIDs("unban", broadcaster, moderator, user); err != nil {
		return Result{}, err
	}
	query := url.Values{"broadcaster_id": {broadcaster}, "moderator_id": {moderator}, "user_id": {user}}
	r := c.helix("unban", http.MethodDelete, "/moderation/bans", query, token)
	r.broadcaster = broadcaster
	check := func(ctx context.Context) verdict {
		switch standing, err := c.Banned(ctx, token, broadcaster, user); {
		case err != nil:
			return unknown
		case standing.Banned:
			return absent
		}
		return applied
	}
	out, err := c.do(ctx, r, policy{check: check, settled: func(k Kind) bool { return k == NotBanned }})
	if err != nil {
		return Result{}, err
	}
	return Result{BroadcasterID: broadcaster, ModeratorID: moderator, UserID: user, Checked: out.checked, Attempts: out.attempts}, nil
}

// helix is a request to the API.
func (c *Client) helix(operation, method, path string, query url.Values, token Token) request {
	return request{
		operation: operation, method: method, url: c.config.URL + path + "?" + query.Encode(),
		auth: "Bearer " + token.Reveal(), secrets: []Token{token}, breaker: c.api,
	}
}
