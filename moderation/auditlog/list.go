package auditlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Row is one row as it is read.
type Row struct {
	ID         uuid.UUID      `json:"id"`
	Action     Action         `json:"action"`
	EntityType string         `json:"entity_type"`
	EntityID   uuid.UUID      `json:"entity_id"`
	ActorID    uuid.UUID      `json:"actor_id"`
	TargetUser *uuid.UUID     `json:"target_user_id"`
	Channel    *uuid.UUID     `json:"channel_id"`
	Reason     *string        `json:"reason"`
	Metadata   map[string]any `json:"metadata"`
	CreatedAt  time.Time      `json:"created_at"`
}

// Filter says which rows; zero values filter nothing.
type Filter struct {
	Action     Action
	EntityType string
	EntityID   uuid.UUID
	Actor      uuid.UUID
	TargetUser uuid.UUID
	Channel    uuid.UUID
	Since      time.Time // from this moment on
	Until      time.Time // before this moment
}

// Key is the place of a row in the list: the newest first, the id where two are
// of the same microsecond.
type Key struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// List reads up to limit rows that come after the key (nil: from the newest on),
// by one index whatever the length of the log.
func (l *Log) List(ctx context.Context, f Filter, after *Key, limit int) ([]Row, error) {
	where, args := f.conditions()
	if after != nil {
		args = append(args, after.CreatedAt.UTC(), after.ID)
		where = append(where, fmt.Sprintf("(created_at, id) < ($%d::timestamp, $%d::uuid)", len(args)-1, len(args)))
	}
	args = append(args, limit)
	// Rows of before the service may lack the time; they have no place in the order.
	where = append(where, "created_at IS NOT NULL")
	query := `SELECT id, action, entity_type, entity_id, actor_id, target_user_id, channel_id, reason, metadata, created_at FROM moderation_audit_logs WHERE ` +
		strings.Join(where, " AND ") + fmt.Sprintf(` ORDER BY created_at DESC, id DESC LIMIT $%d`, len(args))
	var rows []Row
	err := l.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		result, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(result, pgx.RowToStructByPos[Row])
		return err
	})
	return rows, err
}

func (f Filter) conditions() (where []string, args []any) {
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Action != "" {
		add("action = $%d", f.Action)
	}
	if f.EntityType != "" {
		add("entity_type = $%d", f.EntityType)
	}
	if f.EntityID != uuid.Nil {
		add("entity_id = $%d", f.EntityID)
	}
	if f.Actor != uuid.Nil {
		add("actor_id = $%d", f.Actor)
	}
	if f.TargetUser != uuid.Nil {
		add("target_user_id = $%d", f.TargetUser)
	}
	if f.Channel != uuid.Nil {
		add("channel_id = $%d", f.Channel)
	}
	if !f.Since.IsZero() {
		add("created_at >= $%d", f.Since.UTC())
	}
	if !f.Until.IsZero() {
		add("created_at < $%d", f.Until.UTC())
	}
	return where, args
}
