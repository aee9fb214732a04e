package pg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// cloneDropTimeout bounds dropping a clone: the server writes a checkpoint for it.
const cloneDropTimeout = time.Minute

// Drop drops the scratch database with whoever is in it, and ends the server
// where that is the clone's own. It works after a cancellation too, and may be
// called more than once. The error is a *ops.Failure that names what is left.
func (c *Clone) Drop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cloneDropTimeout)
	defer cancel()
	err := c.drop(limited)
	if c.keeper != nil {
		closeQuietly(limited, c.keeper) // and with it the lock
		c.keeper = nil
	}
	c.dropped = err == nil
	if c.server.Close != nil {
		closing := c.server.Close
		c.server.Close = nil
		err = errors.Join(err, closing(limited))
	}
	return err
}

func (c *Clone) drop(ctx context.Context) error {
	if c.Name == "" || c.server.Own {
		return nil // there is none, or it goes with its server
	}
	conn := c.keeper
	if conn == nil || conn.IsClosed() || conn.Ping(ctx) != nil {
		again, err := connectKeeper(ctx, c.server.Admin, "clipperops")
		if err != nil {
			return c.left(err)
		}
		defer closeQuietly(ctx, again)
		conn = again
	}
	err := rollbackPrepared(ctx, conn, c.Target)
	if err == nil {
		err = DropDatabase(ctx, conn, c.Name)
	}
	if err != nil {
		return c.left(err)
	}
	return nil
}

// left is a scratch database that could not be dropped.
func (c *Clone) left(err error) error {
	return &ops.Failure{
		What:   "the scratch database " + c.Name + " could not be dropped: " + ops.AsFailure(err).Error(),
		State:  []string{"it is left on " + c.Place, "the next run drops it"},
		Next:   []string{"clipperops scratch prune", "or: DROP DATABASE " + pgx.Identifier{c.Name}.Sanitize() + ";"},
		Detail: ops.AsFailure(err).Detail,
		Err:    err,
	}
}
