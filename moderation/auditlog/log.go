package auditlog

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/database"
)

// Counter counts audit rows by action and by "success" or "failure":
// moderation_audit_log_operations_total.
type Counter func(action Action, status string)

// patience is how long a row that must be written after the fact is tried for.
const patience = 30 * time.Second

// Log writes and reads the audit rows.
type Log struct {
	pool  *database.Pool
	log   *slog.Logger
	count Counter
	late  sync.WaitGroup // rows still being tried
}

// New is a log in this database. count may be nil.
func New(pool *database.Pool, log *slog.Logger, count Counter) *Log {
	if count == nil {
		count = func(Action, string) {}
	}
	return &Log{pool: pool, log: log, count: count}
}

// Insert writes the row in the caller's transaction, so that the action and its
// record stand or fall together. Count it with [Log.Committed] once that is committed.
func (l *Log) Insert(ctx context.Context, tx pgx.Tx, e Entry) (uuid.UUID, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `
		INSERT INTO moderation_audit_logs
		       (action, entity_type, entity_id, moderator_id, actor_id, target_user_id, channel_id, reason, metadata, ip_address, user_agent, created_at)
		VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, now())
		RETURNING id`,
		e.Action, e.EntityType, e.EntityID, e.Actor, orNull(e.TargetUser), orNull(e.Channel), textOrNull(e.Reason), metadata(e), address(e.Origin), textOrNull(agent(e.Origin.UserAgent)),
	).Scan(&id)
	if err != nil {
		return uuid.Nil, fmt.Errorf("writing the audit row of %s: %w", e.Action, err)
	}
	return id, nil
}

// Committed counts a row that was written in a transaction of the caller's.
func (l *Log) Committed(action Action, err error) {
	if err != nil {
		l.count(action, "failure")
		return
	}
	l.count(action, "success")
}

// Record writes the row in a transaction of its own, also for a client that has
// hung up. When the database does not take it, it is tried again in the
// background and, if all fails, written whole to the log.
func (l *Log) Record(ctx context.Context, e Entry) {
	l.eventually(ctx, e.Action, func(ctx context.Context) error {
		return l.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := l.Insert(ctx, tx, e)
			return err
		})
	}, slog.Any("row", metadata(e)), slog.String("entity_type", e.EntityType), slog.String("entity_id", e.EntityID.String()), slog.String("actor_id", e.Actor.String()))
}

// Complete says in an attempted row how it ended, with the patience of Record.
func (l *Log) Complete(ctx context.Context, id uuid.UUID, e Entry) {
	l.eventually(ctx, e.Action, func(ctx context.Context) error {
		return l.pool.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE moderation_audit_logs SET metadata = metadata || $2 WHERE id = $1`, id, metadata(e))
			return err
		})
	}, slog.Any("row", metadata(e)), slog.String("audit_id", id.String()), slog.String("actor_id", e.Actor.String()))
}

// Wait returns when no row is being tried any more, or when ctx ends.
func (l *Log) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { l.late.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// eventually writes at once if it can, and goes on trying in the background if
// it cannot.
func (l *Log) eventually(ctx context.Context, action Action, write func(context.Context) error, attributes ...any) {
	ctx = context.WithoutCancel(ctx)
	err := write(ctx)
	if err == nil {
		l.Committed(action, nil)
		return
	}
	l.late.Go(func() {
		deadline := time.Now().Add(patience)
		for pause := 250 * time.Millisecond; err != nil && time.Now().Before(deadline); pause = min(2*pause, 5*time.Second) {
			time.Sleep(pause)
			err = write(ctx)
		}
		l.Committed(action, err)
		if err != nil {
			l.log.ErrorContext(ctx, "ERROR moderation audit row could not be written: "+string(action), append(attributes, slog.Any("error", err))...)
		}
	})
}

// metadata is the row's own account of how it ended.
func metadata(e Entry) map[string]any {
	m := map[string]any{"outcome": e.Outcome}
	maps.Copy(m, e.Details)
	if e.Code != "" {
		m["code"] = e.Code
	}
	if e.Origin.RequestID != "" {
		m["request_id"] = e.Origin.RequestID
	}
	return m
}

func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// textOrNull is a text that Postgres takes: without NUL, and null when it is empty.
func textOrNull(s string) *string {
	if s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""); s == "" {
		return nil
	}
	return &s
}

func agent(s string) string { return s[:min(len(s), 512)] }

func address(o Origin) *string {
	if !o.IP.IsValid() {
		return nil
	}
	s := o.IP.Unmap().WithZone("").String()
	return &s
}
