package rehearsal

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/pg"
)

const (
	// guardLooks is how often the guard looks while it stands in the way, guardGlances
	// while it does not.
	guardLooks   = 2 * time.Millisecond
	guardGlances = 10 * time.Millisecond
	// guardPatience is how long it waits for its own locks: autovacuum gives way after a
	// second.
	guardPatience = "3s"
)

// guard finds the locks of a statement that runs outside a transaction: they are gone
// when it is over. It holds SHARE UPDATE EXCLUSIVE on every table, so that a statement
// which wants that or more has to wait, and can be seen waiting; then it steps aside from
// what was asked for.
type guard struct {
	conn *pgx.Conn
	pid  uint32
	// stop ends the watch, done is closed when it has ended.
	stop chan struct{}
	done chan struct{}

	seen map[uint32]*sighting
	// order is that in which they were seen.
	order []uint32
	// waited is how long the statement waited for the guard.
	waited time.Duration
	err    error
}

// sighting is a lock that was seen.
type sighting struct {
	mode LockMode
	// since is when the statement got it.
	since time.Time
}

// tablesSQL are the tables the role may lock, but for those the session has locked.
const tablesSQL = `
SELECT coalesce(pg_catalog.string_agg(pg_catalog.format('ONLY %I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid), '')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= ` + firstUserOID + `
   AND n.nspname !~ '^pg_' AND n.nspname <> 'clipperops' AND c.relname <> 'schema_migrations'
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = $1::int AND l.relation = c.oid
                      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))`

// watchSQL are the session's locks on relations, and whatever it waits for.
const watchSQL = `
SELECT coalesce(l.relation, 0)::bigint, coalesce(l.mode, ''), l.granted
  FROM pg_catalog.pg_locks l
 WHERE l.pid = $1::int AND (NOT l.granted OR l.locktype = 'relation' AND l.relation >= ` + firstUserOID + `
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))`

// newGuard stands in the way of the session pid. Where it cannot, it only watches.
func (r *rehearsal) newGuard(ctx context.Context, pid uint32) (*guard, error) {
	conn, err := pg.Connect(ctx, r.Clone, pg.ConnOptions{Application: r.Application, IdleInTransaction: time.Minute})
	if err != nil {
		return nil, err
	}
	g := &guard{conn: conn, pid: pid, stop: make(chan struct{}), done: make(chan struct{}), seen: map[uint32]*sighting{}}
	if err := g.stand(ctx, ""); err != nil {
		closeConn(ctx, conn)
		return nil, err
	}
	go g.watch(ctx)
	return g, nil
}

// stand locks every table the statement has not locked. That it cannot is no error: the
// statement is watched all the same.
func (g *guard) stand(ctx context.Context, nowait string) error {
	var tables string
	if err := g.conn.QueryRow(ctx, tablesSQL, int32(g.pid)).Scan(&tables); err != nil || tables == "" {
		return err
	}
	err := g.conn.PgConn().Exec(ctx, "BEGIN;SET LOCAL lock_timeout = '"+guardPatience+"';LOCK TABLE "+tables+" IN SHARE UPDATE EXCLUSIVE MODE "+nowait).Close()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return g.stepAside(ctx)
	}
	return err
}

func (g *guard) standing() bool { return g.conn.PgConn().TxStatus() == 'T' }

func (g *guard) stepAside(ctx context.Context) error {
	if g.conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	return g.conn.PgConn().Exec(ctx, "ROLLBACK").Close()
}

// watch looks until it is stopped.
func (g *guard) watch(ctx context.Context) {
	defer close(g.done)
	defer closeConn(ctx, g.conn)
	var since time.Time // when the statement was first seen waiting
	for {
		waiting, err := g.look(ctx)
		if err == nil && waiting != nil && g.standing() {
			if since.IsZero() {
				since = time.Now()
			}
			err = g.letPass(ctx, *waiting, since)
			since = time.Time{}
		}
		if g.err = err; err != nil {
			return
		}
		pause := guardGlances
		if g.standing() {
			pause = guardLooks
		}
		timer := time.NewTimer(pause)
		select {
		case <-g.stop:
		case <-ctx.Done():
		case <-timer.C:
			continue
		}
		timer.Stop()
		return
	}
}

// asked is a lock that the statement waits for; oid is 0 where it waits for a transaction.
type asked struct {
	oid  uint32
	mode LockMode
}

// look notes the locks that the statement has, and returns what it waits for.
func (g *guard) look(ctx context.Context) (*asked, error) {
	rows, err := g.conn.Query(ctx, watchSQL, int32(g.pid))
	if err != nil {
		return nil, err
	}
	var oid int64
	var mode string
	var granted bool
	var waiting *asked
	_, err = pgx.ForEachRow(rows, []any{&oid, &mode, &granted}, func() error {
		if !granted {
			waiting = &asked{uint32(oid), ParseLockMode(mode)}
		} else {
			g.saw(uint32(oid), ParseLockMode(mode))
		}
		return nil
	})
	return waiting, err
}

// saw notes a lock that the statement has.
func (g *guard) saw(oid uint32, mode LockMode) {
	s := g.seen[oid]
	if s == nil {
		s = &sighting{}
		g.seen[oid] = s
		g.order = append(g.order, oid)
	}
	if mode > s.mode {
		*s = sighting{mode: mode, since: time.Now()}
	}
}

// letPass steps aside, and stands in the way again of whatever the statement has not
// come to. since is when it was seen waiting.
func (g *guard) letPass(ctx context.Context, a asked, since time.Time) error {
	if err := g.stepAside(ctx); err != nil {
		return err
	}
	g.waited += time.Since(since)
	if a.oid != 0 {
		g.saw(a.oid, a.mode)
	}
	return g.stand(ctx, "NOWAIT")
}

// end stops the watch, and lets go of everything.
func (g *guard) end() {
	close(g.stop)
	<-g.done
}
