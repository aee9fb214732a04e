package twitch

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind says what an [Error] is, for those who act on it.
type Kind string

// The kinds of an Error.
const (
	Invalid       Kind = "invalid"        // the arguments; nothing was sent, or 400 for another reason
	AlreadyBanned Kind = "already_banned" // 400: banned, and so cannot be banned or timed out
	NotBanned     Kind = "not_banned"     // 400: there is nothing to undo
	NotBannable   Kind = "not_bannable"   // 400: the broadcaster, an editor, Twitch's staff
	Unauthorized  Kind = "unauthorized"   // 401: the token is expired, revoked, or somebody else's
	MissingScope  Kind = "missing_scope"  // 401: the token lacks the scope
	NotModerator  Kind = "not_moderator"  // 403, or 401 where its message says so
	NotFound      Kind = "not_found"      // 404
	Conflict      Kind = "conflict"       // 409, again and again
	Upstream      Kind = "upstream"       // 5xx, again and again
	Timeout       Kind = "timeout"        // no answer in time
	Unreachable   Kind = "unreachable"    // no connection, or lost
	CircuitOpen   Kind = "circuit_open"   // not asked: it failed too often a moment ago
	Uncertain     Kind = "uncertain"      // may have been applied, and asking gave no answer
	Malformed     Kind = "malformed"      // an answer that means nothing here
	Redirected    Kind = "redirected"     // a redirect, which is never followed
	Canceled      Kind = "canceled"       // the caller gave up before anything was sent
)

// Error is what Twitch refused or failed to do. It never contains a token.
type Error struct {
	Operation  string        // "ban", "unban", …
	Kind       Kind          //
	Status     int           // 0 where there was no answer
	Message    string        // Twitch's own words, or what happened
	Attempts   int           // how often it was sent
	RetryAfter time.Duration // for CircuitOpen, and Uncertain behind a limit; 0 is unknown
	Err        error         // the cause, if there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "twitch %s: %s", e.Operation, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// RateLimited says that Twitch takes no more for this broadcaster before the
// request's deadline.
type RateLimited struct {
	Operation     string
	BroadcasterID string
	RetryAfter    time.Duration // at least a second
}

func (e *RateLimited) Error() string {
	return fmt.Sprintf("twitch %s: too many requests for broadcaster %s; again in %s", e.Operation, e.BroadcasterID, e.RetryAfter)
}

// kindOf tells a status and Twitch's words apart. Words decide only within a
// status: 401 has been seen where 403 is documented.
func kindOf(status int, message string) Kind {
	words := strings.ToLower(message)
	has := func(s string) bool { return strings.Contains(words, s) }
	switch {
	case status >= 300 && status < 400:
		return Redirected
	case status == http.StatusUnauthorized && has("scope"):
		return MissingScope
	case status == http.StatusUnauthorized && (has("not a moderator") || has("not one of the broadcaster's moderators")):
		return NotModerator
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return NotModerator
	case status == http.StatusNotFound:
		return NotFound
	case status == http.StatusConflict:
		return Conflict
	case status >= 500:
		return Upstream
	case status != http.StatusBadRequest:
		return Malformed
	case has("not banned"):
		return NotBanned
	case has("already banned"):
		return AlreadyBanned
	case has("cannot be banned"), has("may not be banned"):
		return NotBannable
	}
	return Invalid
}
