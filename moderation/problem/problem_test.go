package problem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/moderation/problem"
)

// TestWhatIsShown: a problem is shown as it is, the database's state as 503, and
// everything else as INTERNAL without a word of its own.
func TestWhatIsShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		code   problem.Code
		status int
	}{
		{problem.New(problem.Conflict, "decided already"), problem.Conflict, http.StatusConflict},
		{fmt.Errorf("deciding: %w", problem.New(problem.NotFound, "no such item")), problem.NotFound, http.StatusNotFound},
		{problem.New(problem.NotAuthenticated, "no Twitch account").WithStatus(403), problem.NotAuthenticated, http.StatusForbidden},
		{&pgconn.PgError{Code: "42P01"}, problem.NotReady, http.StatusServiceUnavailable},
		{&pgconn.PgError{Code: "57P01"}, problem.Unavailable, http.StatusServiceUnavailable},
		{&pgconn.PgError{Code: "53300"}, problem.Unavailable, http.StatusServiceUnavailable},
		{&pgconn.PgError{Code: "28P01"}, problem.Unavailable, http.StatusServiceUnavailable},
		{&pgconn.PgError{Code: "23505"}, problem.Internal, http.StatusInternalServerError},
		{&pgconn.PgError{Code: ""}, problem.Internal, http.StatusInternalServerError},
		{fmt.Errorf("reading: %w", context.DeadlineExceeded), problem.Unavailable, http.StatusServiceUnavailable},
		{io.ErrUnexpectedEOF, problem.Unavailable, http.StatusServiceUnavailable},
		{errors.New("secret thing"), problem.Internal, http.StatusInternalServerError},
	} {
		got := problem.Of(c.err)
		if got.Code != c.code || got.Status != c.status {
			t.Errorf("%v: shown as %s %d, want %s %d", c.err, got.Code, got.Status, c.code, c.status)
		}
		if got.Code == problem.Internal && got.Message+got.Detail != "something went wrong here" {
			t.Errorf("an inner error is shown to a client: %q %q", got.Message, got.Detail)
		}
		if !errors.Is(c.err, got) && !errors.Is(got, c.err) {
			t.Errorf("%v is lost for the log", c.err)
		}
	}
	if problem.Of(nil) != nil {
		t.Error("no error is a problem")
	}
}

// TestRetryAfterIsRoundedUp: a client that waits as long as it was told is never early.
func TestRetryAfterIsRoundedUp(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]int{0: 0, -time.Second: 0, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2} {
		if got := problem.New(problem.RateLimitExceeded, "too many").WithRetry(wait).RetrySeconds(); got != want {
			t.Errorf("%s: Retry-After %d, want %d", wait, got, want)
		}
	}
}

// TestEveryCodeHasAStatus: a code without a status would be shown as a bug.
func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	for _, c := range problem.Codes() {
		if c.Status() < 400 {
			t.Errorf("%s has status %d", c, c.Status())
		}
	}
	if problem.Code("NEW").Status() != http.StatusInternalServerError {
		t.Error("an unknown code is not a failure")
	}
}
