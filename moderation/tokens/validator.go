package tokens

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/clipper/clipperops/moderation/twitch"
)

const (
	// Hour is how often Twitch demands that a session is validated.
	Hour = time.Hour
	// soon is how long before its end a session is refreshed.
	soon = 15 * time.Minute
	// pause is between two looks at what is due.
	pause = time.Minute
	// due is the age at which a session is validated again, so that the hour is not
	// over before somebody has looked.
	due = Hour - 2*pause
	// again is when a session is tried once more about which Twitch gave no answer that
	// says something, or that cannot be read here.
	again = 5 * time.Minute
	// next is when a session is tried again that Twitch could not be asked about: in
	// the next round, behind those that were not asked about at all.
	next = pause / 2
)

// Round is what the validator last did.
type Round struct {
	At     time.Time // when the last round ended; zero before the first
	Failed error     // why Twitch could not be asked in it; nil when all went well
}

// OAuth is Twitch's side of sessions: a [twitch.Client].
type OAuth interface {
	Validate(ctx context.Context, access twitch.Token) (twitch.Validation, error)
	Refresh(ctx context.Context, refresh twitch.Token) (twitch.Grant, error)
}

// Validator sees to it that every session is validated at the start and every
// hour, and refreshed before it ends. Instances share the work: a session that one
// of them is at is left to it.
type Validator struct {
	store *Store
	oauth OAuth
	may   bool // refresh: the client's secret is known
	log   *slog.Logger

	mu   sync.Mutex
	last Round
}

// NewValidator validates the store's sessions, and refreshes them where the client's
// secret is known.
func NewValidator(store *Store, oauth OAuth, refreshes bool, log *slog.Logger) *Validator {
	return &Validator{store: store, oauth: oauth, may: refreshes, log: log}
}

// Last is the last round.
func (v *Validator) Last() Round {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// Run makes rounds until ctx ends.
func (v *Validator) Run(ctx context.Context) {
	for {
		err := v.Round(ctx)
		if ctx.Err() != nil {
			return
		}
		v.mu.Lock()
		v.last = Round{time.Now(), err}
		v.mu.Unlock()
		if err != nil {
			v.log.WarnContext(ctx, "Twitch sessions could not all be validated", slog.Any("error", err))
		}
		// Instances that started together do not come together every time.
		timer := time.NewTimer(pause + rand.N(pause/4))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Round validates every session that is due. It stops when Twitch cannot be asked, or
// the database: the next would fare no better. What goes wrong with one session stops
// none of the others and keeps none of them waiting in the next round: it comes behind
// them. That Twitch itself is away is what its circuit breaker finds out.
func (v *Validator) Round(ctx context.Context) error {
	var first error
	failed := 0
	for {
		session, found, err := v.claim(ctx)
		if err == nil && !found {
			break
		}
		if err == nil {
			err = v.validate(ctx, session)
		}
		if err == nil {
			continue
		}
		if !found {
			return err
		}
		wait, goOn := afterFailing(err)
		if wait > 0 {
			if again := v.later(ctx, session, wait); again != nil {
				return errors.Join(err, again)
			}
		}
		if !goOn {
			return err
		}
		if failed++; first == nil {
			first = fmt.Errorf("the session of %s: %w", session.UserID, err)
		}
	}
	if failed > 1 {
		return fmt.Errorf("%w (and %d other sessions)", first, failed-1)
	}
	return first
}

// validate asks Twitch about one session, and renews it when that is due. What was
// learned is kept also when the service is being stopped.
func (v *Validator) validate(ctx context.Context, session Session) error {
	keep := context.WithoutCancel(ctx)
	if session.Access.IsZero() { // it could not be read
		if session.Invalid != "" {
			return v.store.over(keep, session, session.Invalid)
		}
		return nil
	}
	grant, err := v.oauth.Validate(ctx, session.Access)
	switch {
	case isKind(err, twitch.Unauthorized):
		return v.renew(keep, session, "Twitch does not take it any more")
	case err != nil:
		return err
	case grant.UserID != session.TwitchUserID:
		return v.store.over(keep, session, "it is another Twitch user's")
	}
	known := session
	known.Scopes, known.ExpiresAt = grant.Scopes, grant.Expires
	// Kept anew it is encrypted with the newest key: an hour after a key was replaced
	// nothing needs the old one.
	if err := v.store.renewed(keep, session, known); err != nil {
		return err
	}
	if !grant.Expires.IsZero() && time.Until(grant.Expires) < soon {
		return v.renew(keep, known, "")
	}
	return nil
}

// isKind reports whether it is an error of Twitch's of one of the kinds.
func isKind(err error, kinds ...twitch.Kind) bool {
	var said *twitch.Error
	return errors.As(err, &said) && slices.Contains(kinds, said.Kind)
}

// afterFailing is when a session is tried again with which this went wrong, 0 for when
// it is due anyway, and whether the round goes on with the others.
func afterFailing(err error) (wait time.Duration, goOn bool) {
	var refresh *unrefreshed
	var limited *twitch.RateLimited
	switch {
	case errors.Is(err, ErrUnreadable), errors.As(err, &refresh), isKind(err, twitch.Malformed, twitch.Invalid, twitch.NotFound, twitch.Redirected):
		return again, true // about this session, and not soon another
	case isKind(err, twitch.Upstream, twitch.Timeout, twitch.Unreachable, twitch.Conflict):
		return next, true // Twitch's, or this session's alone: the others show
	case errors.As(err, &limited), isKind(err, twitch.CircuitOpen, twitch.Canceled):
		return next, false
	}
	return 0, false // the database's
}
