package queue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DecisionFilter says which decisions; zero values filter nothing.
type DecisionFilter struct {
	Item      uuid.UUID
	Moderator uuid.UUID
	Action    Verdict
}

// DecisionKey is the place of a decision in the list, the newest first.
type DecisionKey struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// Decisions reads up to limit decisions that come after the key (nil: from the
// newest on).
func (q *Queue) Decisions(ctx context.Context, f DecisionFilter, after *DecisionKey, limit int) ([]Decision, error) {
	where, args := []string{"created_at IS NOT NULL"}, []any{limit}
	add := func(condition string, values ...any) {
		places := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			places[i] = len(args)
		}
		where = append(where, fmt.Sprintf(condition, places...))
	}
	if f.Item != uuid.Nil {
		add("queue_item_id = $%d", f.Item)
	}
	if f.Moderator != uuid.Nil {
		add("moderator_id = $%d", f.Moderator)
	}
	if f.Action != "" {
		add("action = $%d", f.Action)
	}
	if after != nil {
		add("(created_at, id) < ($%d::timestamp, $%d::uuid)", after.CreatedAt.UTC(), after.ID)
	}
	query := `SELECT ` + decisionColumns + ` FROM moderation_decisions WHERE ` + strings.Join(where, " AND ") + ` ORDER BY created_at DESC, id DESC LIMIT $1`
	var decisions []Decision
	err := q.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		decisions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Decision])
		return err
	})
	return decisions, err
}
