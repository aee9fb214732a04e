package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
)

// rollbackPrepared rolls the prepared transactions back that a file left in a scratch
// database: nobody can drop it while there are any, and only from inside can they be
// ended. conn is outside it.
func rollbackPrepared(ctx context.Context, conn *pgx.Conn, scratch config.Target) error {
	rows, err := conn.Query(ctx, "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = $1", scratch.Database)
	if err != nil {
		return fmt.Errorf("asking for prepared transactions: %w", Cause(ctx, err))
	}
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(gids) == 0 {
		return Cause(ctx, err)
	}
	inside, err := Connect(ctx, scratch, ConnOptions{Application: "clipperops"})
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, inside)
	for _, gid := range gids {
		if _, err := inside.Exec(ctx, "ROLLBACK PREPARED "+literal(gid)); err != nil && sqlState(err) != "42704" { // gone already
			return fmt.Errorf("a prepared transaction in it could not be rolled back: %w", Cause(ctx, err))
		}
	}
	return nil
}
