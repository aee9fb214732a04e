package appeals

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Filter says which appeals; zero values filter nothing.
type Filter struct {
	Status   Status
	User     uuid.UUID
	Decision uuid.UUID
}

// Key is the place of an appeal in the list, the oldest first.
type Key struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// List reads up to limit appeals that come after the key (nil: from the oldest on):
// who has waited longest is heard first.
func (a *Appeals) List(ctx context.Context, f Filter, after *Key, limit int) ([]Appeal, error) {
	where, args := []string{"created_at IS NOT NULL"}, []any{limit}
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Status != "" {
		add("status = $%d", f.Status)
	}
	if f.User != uuid.Nil {
		add("user_id = $%d", f.User)
	}
	if f.Decision != uuid.Nil {
		add("moderation_action_id = $%d", f.Decision)
	}
	if after != nil {
		args = append(args, after.CreatedAt.UTC(), after.ID)
		where = append(where, fmt.Sprintf("(created_at, id) > ($%d::timestamp, $%d::uuid)", len(args)-1, len(args)))
	}
	query := `SELECT ` + columns + ` FROM moderation_appeals WHERE ` + strings.Join(where, " AND ") + ` ORDER BY created_at, id LIMIT $1`
	var found []Appeal
	err := a.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Appeal])
		return err
	})
	return found, err
}
