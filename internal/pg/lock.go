package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/clipper/clipperops/internal/config"
)

const (
	// lockPoll is how often a busy lock is tried again, give or take a third. A
	// blocking pg_advisory_lock would keep a snapshot open, on which a CREATE
	// INDEX CONCURRENTLY of whoever holds the lock would wait for ever.
	lockPoll = 300 * time.Millisecond
	// lockStatement bounds one question over the lock's connection.
	lockStatement = 10 * time.Second
)

// LockRequest says who wants the lock and how long to wait for it.
type LockRequest struct {
	// Application is shown to others, e.g. "clipperops migrate (alice@ops1)".
	Application string
	// Holder is the person, added to Application where it does not name them.
	Holder string
	// Table is golang-migrate's version table. Default: schema_migrations.
	Table string
	// Wait is how long to go on trying; zero tries once.
	Wait time.Duration
	// OnWait is told who holds the lock, at first and whenever that changes.
	OnWait func([]Holder)
}

// Held is the lock, for as long as its connection lives.
type Held struct {
	conn *pgx.Conn
	ids  []int64
	lost chan struct{}
	stop context.CancelFunc
	done chan struct{}
	once sync.Once
	err  error
}

// Lock takes, on a connection of its own, the locks of golang-migrate's CLI and
// of programs that embed it, and clipperops' own: all or none. While another
// holds any of them it is a *ops.Failure (ExitBusy) around a *BusyError, behind a
// pooler one around a *PoolerError.
func Lock(ctx context.Context, t config.Target, r LockRequest) (*Held, error) {
	conn, err := connect(ctx, t, r.options(), func(c *pgconn.PgConn) ctxwatch.Handler {
		// The watch over this connection ends by its context and must end at once.
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	})
	if err != nil {
		return nil, err
	}
	ids, err := r.ids(ctx, conn)
	if err == nil {
		err = acquire(ctx, conn, ids, r)
	}
	if err != nil {
		closeQuietly(ctx, conn)
		return nil, err
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &Held{conn: conn, ids: ids, lost: make(chan struct{}), stop: stop, done: make(chan struct{})}
	go h.watch(watch)
	return h, nil
}

func (r LockRequest) options() ConnOptions {
	o := ConnOptions{Application: r.Application, StatementTimeout: lockStatement, LockTimeout: lockStatement}
	if r.Holder != "" && !strings.Contains(r.Application, r.Holder) {
		o.Application = strings.TrimSpace(r.Application + " (" + r.Holder + ")")
	}
	return o
}

// ids asks the server for the names golang-migrate would hash, and refuses a pooler.
func (r LockRequest) ids(ctx context.Context, conn *pgx.Conn) ([]int64, error) {
	if err := RequireDirect(ctx, conn); err != nil {
		return nil, err
	}
	var database, schema string
	err := conn.QueryRow(ctx, "SELECT current_database()::text, coalesce(current_schema()::text, 'public')").Scan(&database, &schema)
	if err != nil {
		return nil, fmt.Errorf("preparing the lock: %w", Cause(ctx, err))
	}
	table := r.Table
	if table == "" {
		table = "schema_migrations"
	}
	migrate := MigrateLockIDs(database, schema, table)
	return []int64{OperatorLockID, migrate[0], migrate[1]}, nil
}

// acquire tries until it has all the locks or the time is over.
func acquire(ctx context.Context, conn *pgx.Conn, ids []int64, r LockRequest) error {
	deadline := time.Now().Add(r.Wait)
	var told []int
	for {
		got, err := tryAll(ctx, conn, ids)
		if err != nil || got {
			return err
		}
		holders, err := Holders(ctx, conn, ids...)
		if err != nil {
			return err
		}
		if !time.Now().Before(deadline) {
			return (&BusyError{Holders: holders}).Failure()
		}
		if pids := pidsOf(holders); r.OnWait != nil && len(pids) > 0 && !slices.Equal(pids, told) {
			r.OnWait(holders)
			told = pids
		}
		if err := pause(ctx, min(lockPoll*2/3+rand.N(lockPoll*2/3), time.Until(deadline))); err != nil {
			return err
		}
	}
}

// tryAll takes every lock or none, so that two who start at once cannot each
// hold a part.
func tryAll(ctx context.Context, conn *pgx.Conn, ids []int64) (bool, error) {
	for i, id := range ids {
		var got bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", id).Scan(&got); err != nil {
			return false, fmt.Errorf("taking the lock: %w", Cause(ctx, err))
		}
		if !got {
			return false, unlock(ctx, conn, ids[:i])
		}
	}
	return true, nil
}

func unlock(ctx context.Context, conn *pgx.Conn, ids []int64) error {
	_, err := conn.Exec(ctx, "SELECT pg_advisory_unlock(id) FROM unnest($1::int8[]) AS id", ids)
	if err != nil {
		return fmt.Errorf("releasing the lock: %w", Cause(ctx, err))
	}
	return nil
}

func pidsOf(holders []Holder) []int {
	var pids []int
	for _, h := range holders {
		pids = append(pids, h.PID)
	}
	return pids
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// watch listens on the idle connection: whatever ends it, a restart, an
// administrator or the network, ends the lock.
func (h *Held) watch(ctx context.Context) {
	defer close(h.done)
	for ctx.Err() == nil {
		if _, err := h.conn.WaitForNotification(ctx); err != nil && ctx.Err() == nil {
			h.err = err
			close(h.lost)
			return
		}
	}
}

// Lost is closed when the lock's connection dies: from then on another may hold
// the lock. It stays open when the lock is released.
func (h *Held) Lost() <-chan struct{} { return h.lost }

// PID is the server process that holds the lock.
func (h *Held) PID() uint32 { return h.conn.PgConn().PID() }

// Release lets the lock go, even when ctx is done, and may be called again. It
// returns an error when the lock had been lost before.
func (h *Held) Release(ctx context.Context) error {
	h.once.Do(func() {
		h.stop()
		<-h.done
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockStatement)
		defer cancel()
		if h.err != nil {
			h.err = fmt.Errorf("the lock was lost: %w", h.err)
		} else {
			// Closing alone would do, but only some time after Release returned.
			h.err = unlock(limited, h.conn, h.ids)
		}
		h.err = errors.Join(h.err, h.conn.Close(limited))
	})
	return h.err
}
