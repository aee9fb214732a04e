package rollout

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Lead tries to become the one watch of a flag. It holds as long as the connection does:
// the server notices when the leader is gone.
func Lead(ctx context.Context, conn *pgx.Conn, flag string) (bool, error) {
	var led bool
	err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('clipperops rollout watch ' || $1, 0))`, flag).Scan(&led)
	if err != nil {
		return false, fmt.Errorf("asking who watches: %w", err)
	}
	return led, nil
}
