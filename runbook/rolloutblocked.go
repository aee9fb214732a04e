package runbook

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// askBlockers is how often, while a statement is not answered, it is asked who keeps it waiting.
const askBlockers = 400 * time.Millisecond

// namesBlockers is the store in the database; of a lock that it waits for in vain it says who
// holds it. It is asked while the statement waits: of a row's lock nothing is known later.
type namesBlockers struct {
	*postgres.Store
	config      *pgx.ConnConfig
	target      config.Target
	application string
	blocked     atomic.Bool // something waited in vain
}

// Load implements featureflag.Store.
func (b *namesBlockers) Load(ctx context.Context) (state featureflag.State, err error) {
	err = b.watched(ctx, func(s *postgres.Store) (err error) {
		state, err = s.Load(ctx)
		return err
	})
	return state, err
}

// Write implements featureflag.Writer.
func (b *namesBlockers) Write(ctx context.Context, change featureflag.Change) (f featureflag.Flag, err error) {
	err = b.watched(ctx, func(s *postgres.Store) (err error) {
		f, err = s.Write(ctx, change)
		return err
	})
	return f, err
}

// watched does what waits, and adds who kept it waiting where it gave up because of a lock.
func (b *namesBlockers) watched(ctx context.Context, do func(*postgres.Store) error) error {
	var pid atomic.Uint32
	c := b.config.Copy()
	c.AfterConnect = func(_ context.Context, conn *pgconn.PgConn) error {
		pid.Store(conn.PID())
		return nil
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	found := make(chan []pg.Holder, 1)
	go func() { found <- b.blockers(watching, pid.Load) }()
	err := do(postgres.Open(c))
	stop()
	holders := <-found
	if serverCode(err) != "55P03" || len(holders) == 0 { // lock_not_available
		return err
	}
	b.blocked.Store(true)
	return &blockedError{holders: holders, err: err}
}

// blockers are those who kept the session waiting when it was last asked, before ctx ended.
func (b *namesBlockers) blockers(ctx context.Context, pid func() uint32) (holders []pg.Holder) {
	tick := time.NewTicker(askBlockers)
	defer tick.Stop()
	var conn *pgx.Conn
	for {
		select {
		case <-ctx.Done():
			return holders
		case <-tick.C:
		}
		if conn == nil {
			var err error
			if conn, err = pg.Connect(ctx, b.target, pg.ConnOptions{Application: b.application, StatementTimeout: 2 * time.Second, ReadOnly: true}); err != nil {
				conn = nil // the next one may be let in
				continue
			}
			defer func() {
				closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				_ = conn.Close(closing) // it was only read from
			}()
		}
		if now, err := pg.Blockers(ctx, conn, pid()); err == nil && len(now) > 0 {
			holders = now
		}
	}
}

// blockedError is a lock that was not given, and who has it.
type blockedError struct {
	holders []pg.Holder
	err     error
}

func (e *blockedError) Error() string {
	return fmt.Sprintf("another session holds a lock on the flag: %s (%s)", e.holders[0], e.err)
}

func (e *blockedError) Unwrap() error { return e.err }

// failure says who they are and what ends them.
func (e *blockedError) failure(err error) error {
	f := &ops.Failure{What: "another session holds a lock on the flag, and does not let go of it", Err: err}
	for _, h := range e.holders {
		f.Detail = append(f.Detail, "held by "+h.String())
		if h.PID == 0 {
			f.Next = append(f.Next, "end the prepared transaction: SELECT gid, prepared, owner FROM pg_prepared_xacts; then ROLLBACK PREPARED 'GID';")
			continue
		}
		f.Next = append(f.Next, fmt.Sprintf("end that session, as its own user or a superuser: SELECT pg_terminate_backend(%d);", h.PID))
	}
	f.Detail = append(f.Detail, e.err.Error())
	f.Next = append(f.Next, "then the same command again")
	return f
}
