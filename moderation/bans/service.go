package bans

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
)

// Twitch is what is asked of Twitch: a [twitch.Client].
type Twitch interface {
	Ban(ctx context.Context, token twitch.Token, broadcaster, moderator, user, reason string, duration time.Duration) (twitch.Result, error)
	Unban(ctx context.Context, token twitch.Token, broadcaster, moderator, user string) (twitch.Result, error)
	IsModerator(ctx context.Context, token twitch.Token, broadcaster, user string) (bool, error)
}

// Counters are told how operations ended: metrics.Metrics.
type Counters interface {
	Ban(operation, code string, took time.Duration)
}

// Config is what a Service works with.
type Config struct {
	Pool     *database.Pool
	Audit    *auditlog.Log
	Sessions tokens.Sessions
	Twitch   Twitch
	On       func(user uuid.UUID) bool // the flag, for this user, now
	Counters Counters
	Log      *slog.Logger
	Now      func() time.Time // default time.Now
}

// Service does the operations. It is safe for use by many goroutines.
type Service struct {
	Config
	memory *memory
}

// New is a service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{Config: c, memory: newMemory(c.Now)}
}

// Do does the operation for this user, or says why not: a *problem.Problem. It goes
// on to its end when the client hangs up: what was asked for is done and recorded,
// whoever is still listening.
func (s *Service) Do(ctx context.Context, by identity.User, from auditlog.Origin, o Operation) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	started := s.Now()
	err := s.do(ctx, by, from, o)
	s.note(ctx, by, from, o, err, s.Now().Sub(started))
	return err
}

// Refuse records an operation that could not be read, with what is known of it, and
// returns what its user is told: that this user may not act at all, if so, and
// otherwise why.
func (s *Service) Refuse(ctx context.Context, by identity.User, from auditlog.Origin, o Operation, why error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := s.admit(by); err != nil {
		why = err
	}
	s.refuse(ctx, Entry(by, from, o), why)
	s.note(ctx, by, from, o, why, 0)
	return why
}

// note counts the operation and writes its line.
func (s *Service) note(ctx context.Context, by identity.User, from auditlog.Origin, o Operation, err error, took time.Duration) {
	level, code := slog.LevelInfo, ""
	if p := problem.Of(err); p != nil {
		code = string(p.Code)
		if p.Status >= 500 {
			level = slog.LevelError
		}
	}
	s.Counters.Ban(string(o.Kind), code, took)
	attributes := []slog.Attr{slog.String("user_id", by.ID.String()), slog.String("code", code), slog.String("request_id", from.RequestID)}
	for _, id := range []slog.Attr{slog.String("broadcaster_id", o.Broadcaster), slog.String("twitch_user_id", o.User)} {
		if twitchID.MatchString(id.Value.String()) { // what is no id is a text of the user's
			attributes = append(attributes, id)
		}
	}
	s.Log.LogAttrs(ctx, level, string(o.Kind.action()), attributes...)
}

func (s *Service) do(ctx context.Context, by identity.User, from auditlog.Origin, o Operation) error {
	entry := Entry(by, from, o)
	session, err := s.permit(ctx, by, o)
	if err != nil {
		s.refuse(ctx, entry, err)
		return err
	}
	row, taken, err := s.begin(ctx, by, &entry)
	if err != nil {
		s.refuse(ctx, entry, err)
		return err
	}
	// From here on the row says that it was attempted, until it says how it ended.
	result, failed := s.call(ctx, session, o)
	if untouched(failed) {
		s.giveBack(ctx, by.ID, taken)
	}
	err = s.judge(ctx, session, o, failed)
	entry.Outcome, entry.Code = auditlog.OutcomeOf(err)
	entry.Details = ended(result, failed)
	s.Audit.Complete(ctx, row, entry)
	return err
}

// ended is what the row says of how Twitch was asked.
func ended(result twitch.Result, err error) map[string]any {
	details := map[string]any{"attempts": result.Attempts}
	var said *twitch.Error
	if errors.As(err, &said) {
		details["attempts"], details["twitch"] = said.Attempts, said.Kind
	}
	if err == nil && result.Checked {
		details["checked"] = true // the answer was lost; that it is applied was asked
	}
	return details
}

// refuse records an operation that Twitch was not called for, with the ids of
// Clipper's users unless it is the database that failed.
func (s *Service) refuse(ctx context.Context, entry auditlog.Entry, err error) {
	if outcome, _ := auditlog.OutcomeOf(err); outcome == auditlog.Refused && len(entry.Details) > 0 {
		_ = s.Pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error { return name(ctx, tx, &entry) })
	}
	s.Audit.Refuse(ctx, entry, err)
}

// detached is a context with ctx's deadline that the client's hanging up does not
// end.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(15 * time.Second)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// begin takes one of the user's operations and writes the row that says that it is
// attempted, in one transaction.
func (s *Service) begin(ctx context.Context, by identity.User, entry *auditlog.Entry) (row uuid.UUID, taken time.Time, err error) {
	err = s.Pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if taken, err = take(ctx, tx, by.ID); err != nil {
			return err
		}
		if err := name(ctx, tx, entry); err != nil {
			return err
		}
		attempted := *entry
		attempted.Outcome = auditlog.Attempted
		row, err = s.Audit.Insert(ctx, tx, attempted)
		return err
	})
	return row, taken, err
}

// name puts the ids of Clipper's users into the entry where it has such users.
func name(ctx context.Context, tx pgx.Tx, entry *auditlog.Entry) error {
	rows, err := tx.Query(ctx, `SELECT twitch_id, id FROM users WHERE twitch_id IN ($1, $2)`, entry.Details["twitch_user_id"], entry.Details["twitch_broadcaster_id"])
	if err != nil {
		return err
	}
	var twitchID string
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&twitchID, &id}, func() error {
		if twitchID == entry.Details["twitch_user_id"] {
			entry.EntityID, entry.TargetUser = id, id
		}
		if twitchID == entry.Details["twitch_broadcaster_id"] {
			entry.Channel = id
		}
		return nil
	})
	return err
}

// Entry is the audit entry of an operation. What is longer than a reason can be is
// cut: a request that is refused costs no more room than one that is done.
func Entry(by identity.User, from auditlog.Origin, o Operation) auditlog.Entry {
	e := auditlog.Entry{
		Action: o.Kind.action(), Actor: by.ID, EntityType: "twitch_user", Reason: cut(o.Reason), Origin: from,
		Details: map[string]any{},
	}
	if twitchID.MatchString(o.User) {
		e.EntityID = auditlog.TwitchUserID(o.User)
		e.Details["twitch_user_id"] = o.User
	}
	if twitchID.MatchString(o.Broadcaster) {
		e.Channel = auditlog.TwitchChannelID(o.Broadcaster)
		e.Details["twitch_broadcaster_id"] = o.Broadcaster
	}
	if o.Duration > 0 {
		e.Details["duration_seconds"] = int(o.Duration / time.Second)
	}
	return e
}

// cut is at most as much of a text as a reason can hold.
func cut(text string) string {
	n := 0
	for at := range text {
		if n == MaxReason {
			return text[:at]
		}
		n++
	}
	return text
}

func (s *Service) call(ctx context.Context, session tokens.Session, o Operation) (twitch.Result, error) {
	if o.Kind == Unban {
		return s.Twitch.Unban(ctx, session.Access, o.Broadcaster, session.TwitchUserID, o.User)
	}
	return s.Twitch.Ban(ctx, session.Access, o.Broadcaster, session.TwitchUserID, o.User, o.Reason, o.Duration)
}
