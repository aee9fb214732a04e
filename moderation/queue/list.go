package queue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Filter says which cases; zero values filter nothing.
type Filter struct {
	Status      Status
	ContentType ContentType
	AssignedTo  uuid.UUID
}

// Key is the place of a case in the queue.
type Key struct {
	Priority  int
	CreatedAt time.Time
	ID        uuid.UUID
}

// KeyOf is where the item stands.
func KeyOf(i Item) Key { return Key{i.Priority, i.CreatedAt, i.ID} }

// List reads up to limit cases that come after the key (nil: from the first on):
// the highest priority first, within it the oldest first.
//
// The order is that of idx_modqueue_status_priority within one status, so the list
// is put together from one short walk along the index for each status and, after
// a key, one for the rest of its priority and one for those below. A page costs
// the same at the start and in the middle of a million cases.
func (q *Queue) List(ctx context.Context, f Filter, after *Key, limit int) ([]Item, error) {
	query, args := listQuery(f, after, limit)
	var items []Item
	err := q.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Item])
		return err
	})
	return items, err
}

const inOrder = ` ORDER BY priority DESC, created_at, id LIMIT `

func listQuery(f Filter, after *Key, limit int) (query string, args []any) {
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	most := arg(limit)
	// Rows without a place in the order cannot be paged through; the service writes none.
	also := " AND priority IS NOT NULL AND created_at IS NOT NULL"
	if f.ContentType != "" {
		also += " AND content_type = " + arg(f.ContentType)
	}
	if f.AssignedTo != uuid.Nil {
		also += " AND assigned_to = " + arg(f.AssignedTo)
	}
	places := []string{""}
	if after != nil {
		p, at, id := arg(after.Priority), arg(after.CreatedAt.UTC())+"::timestamp", arg(after.ID)
		places = []string{
			fmt.Sprintf(" AND priority = %s AND created_at >= %s AND (created_at, id) > (%s, %s)", p, at, at, id),
			" AND priority < " + p,
		}
	}
	statuses := Statuses
	if f.Status != "" {
		statuses = []Status{f.Status}
	}
	var walks []string
	for _, s := range statuses {
		// The status stands in the text, not among the parameters: it is one of four
		// constants, and partial indexes are only found that way.
		for _, place := range places {
			walks = append(walks, "(SELECT * FROM moderation_queue WHERE status = '"+string(s)+"'"+place+also+inOrder+most+")")
		}
	}
	return "SELECT " + itemColumns + " FROM (" + strings.Join(walks, " UNION ALL ") + ") walks" + inOrder + most, args
}

// Get reads one case; the error is pgx.ErrNoRows when there is none.
func (q *Queue) Get(ctx context.Context, id uuid.UUID) (Item, error) {
	var item Item
	err := q.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		item, err = one(ctx, tx, id)
		return err
	})
	return item, err
}

func one(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Item, error) {
	rows, err := tx.Query(ctx, `SELECT `+itemColumns+` FROM moderation_queue WHERE id = $1`, id)
	if err != nil {
		return Item{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Item])
}
