package twitch

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Standing is a user's standing in a channel.
type Standing struct {
	Banned    bool      // banned or timed out
	CreatedAt time.Time // zero where Twitch did not say
	ExpiresAt time.Time // of a timeout; zero for a ban
}

// is whether it is what a ban of that duration, sent between began and now, makes.
func (s Standing) is(duration time.Duration, began, now time.Time) bool {
	if !s.Banned {
		return false
	}
	if duration == 0 || s.ExpiresAt.IsZero() {
		return duration == 0 && s.ExpiresAt.IsZero()
	}
	return s.ExpiresAt.After(began.Add(duration-checkSlack)) && s.ExpiresAt.Before(now.Add(duration+checkSlack))
}

// Banned asks how a user stands in a channel. Twitch answers the broadcaster's own
// token alone; to another it says 401.
func (c *Client) Banned(ctx context.Context, token Token, broadcaster, user string) (Standing, error) {
	if err := validIDs("banned", broadcaster, user); err != nil {
		return Standing{}, err
	}
	r := c.helix("banned", http.MethodGet, "/moderation/banned", url.Values{"broadcaster_id": {broadcaster}, "user_id": {user}}, token)
	r.broadcaster = broadcaster
	list, err := ask[bannedEntry](ctx, c, r)
	if err != nil {
		return Standing{}, err
	}
	for _, e := range list {
		if e.UserID == user {
			return Standing{Banned: true, CreatedAt: e.CreatedAt.Time, ExpiresAt: e.ExpiresAt.Time}, nil
		}
	}
	return Standing{}, nil
}

// IsModerator is whether a user moderates a channel. The broadcaster is not among
// their own moderators.
func (c *Client) IsModerator(ctx context.Context, token Token, broadcaster, user string) (bool, error) {
	if err := validIDs("moderators", broadcaster, user); err != nil {
		return false, err
	}
	r := c.helix("moderators", http.MethodGet, "/moderation/moderators", url.Values{"broadcaster_id": {broadcaster}, "user_id": {user}}, token)
	r.broadcaster = broadcaster
	list, err := ask[bannedEntry](ctx, c, r)
	for _, e := range list {
		if e.UserID == user {
			return true, err
		}
	}
	return false, err
}

// ask is a question that can be repeated; an answer that cannot be read is none.
func ask[T any](ctx context.Context, c *Client, r request) ([]T, error) {
	out, err := c.do(ctx, r, policy{safe: true})
	if err != nil {
		return nil, err
	}
	if out.answer.cut {
		return nil, &Error{Operation: r.operation, Kind: Malformed, Status: out.answer.status, Message: "the answer broke off or is too long", Attempts: out.attempts}
	}
	list, err := entries[T](out.answer.body)
	if err != nil {
		return nil, &Error{Operation: r.operation, Kind: Malformed, Status: out.answer.status, Message: err.Error(), Attempts: out.attempts}
	}
	return list, nil
}
