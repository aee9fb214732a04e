package bans

import (
	"context"
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

// Do does the operation for this user, or says why not: a *problem.Problem. It
// goes on to its end when the client hangs up after Twitch was called.
func (s *Service) Do(ctx context.Context, by identity.User, from auditlog.Origin, o Operation) error {
	started := s.Now()
	err := s.do(ctx, by, from, o)
	code := ""
	if p := problem.Of(err); p != nil {
		code = string(p.Code)
	}
	s.Counters.Ban(string(o.Kind), code, s.Now().Sub(started))
	s.Log.LogAttrs(ctx, level(err), string(o.Kind.action()), slog.String("user_id", by.ID.String()), slog.String("broadcaster_id", o.Broadcaster),
		slog.String("twitch_user_id", o.User), slog.String("code", code), slog.String("request_id", from.RequestID))
	return err
}

func level(err error) slog.Level {
	if p := problem.Of(err); p != nil && p.Status >= 500 {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (s *Service) do(ctx context.Context, by identity.User, from auditlog.Origin, o Operation) error {
	entry := Entry(by, from, o)
	session, err := s.permit(ctx, by, o)
	if err != nil {
		s.Audit.Refuse(ctx, entry, err)
		return err
	}
	row, err := s.begin(ctx, by, &entry)
	if err != nil {
		s.Audit.Refuse(ctx, entry, err)
		return err
	}
	// From here on the row says that it was attempted; what comes of it is noted
	// whoever is still listening.
	ctx, cancel := s.detached(ctx)
	defer cancel()
	result, err := s.call(ctx, session, o)
	if untouched(err) {
		s.giveBack(ctx, by.ID)
	}
	err = s.judge(ctx, session, o, err)
	entry.Outcome, entry.Code = auditlog.OutcomeOf(err)
	entry.Details = map[string]any{"attempts": result.Attempts}
	if err == nil && result.Checked {
		entry.Details["checked"] = true // the answer was lost; that it is applied was asked
	}
	s.Audit.Complete(ctx, row, entry)
	return err
}

// detached is a context with ctx's deadline that the client's hanging up does not
// end.
func (s *Service) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(15 * time.Second)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// begin takes one of the user's operations and writes the row that says that it is
// attempted, in one transaction.
func (s *Service) begin(ctx context.Context, by identity.User, entry *auditlog.Entry) (uuid.UUID, error) {
	var row uuid.UUID
	err := s.Pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := take(ctx, tx, by.ID); err != nil {
			return err
		}
		if err := name(ctx, tx, entry); err != nil {
			return err
		}
		attempted := *entry
		attempted.Outcome = auditlog.Attempted
		var err error
		row, err = s.Audit.Insert(ctx, tx, attempted)
		return err
	})
	return row, err
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
		switch twitchID {
		case entry.Details["twitch_user_id"]:
			entry.EntityID, entry.TargetUser = id, id
		case entry.Details["twitch_broadcaster_id"]:
			entry.Channel = id
		}
		return nil
	})
	return err
}

// Entry is the audit entry of an operation, for those who refuse one earlier.
func Entry(by identity.User, from auditlog.Origin, o Operation) auditlog.Entry {
	e := auditlog.Entry{
		Action: o.Kind.action(), Actor: by.ID, EntityType: "twitch_user", Reason: o.Reason, Origin: from,
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

func (s *Service) call(ctx context.Context, session tokens.Session, o Operation) (twitch.Result, error) {
	if o.Kind == Unban {
		return s.Twitch.Unban(ctx, session.Access, o.Broadcaster, session.TwitchUserID, o.User)
	}
	return s.Twitch.Ban(ctx, session.Access, o.Broadcaster, session.TwitchUserID, o.User, o.Reason, o.Duration)
}
