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
// when it is over. It holds SHARE on every table, so that a statement which wants more
// than to read, or to lock rows, has to wait, and can be seen waiting; then it steps
// aside from what was asked for, and from nothing else.
type guard struct {
	// two sessions hold the locks in turn: the second takes those that are to stay
	// before the first lets all of its own go. SHARE does not exclude SHARE.
	two [2]*pgx.Conn
	at  int
	pid uint32
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

// tablesSQL are the tables the role may lock, but for those the session has locked or
// waits for. LOCK does not take materialized views; what is said of one takes SHARE UPDATE
// EXCLUSIVE, and is not said in the end.
const tablesSQL = `
SELECT coalesce(pg_catalog.string_agg(pg_catalog.format('ONLY %I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid) FILTER (WHERE c.relkind <> 'm'), ''),
       coalesce(pg_catalog.string_agg(pg_catalog.format(';COMMENT ON MATERIALIZED VIEW %I.%I IS NULL', n.nspname, c.relname), '' ORDER BY c.oid)
                FILTER (WHERE c.relkind = 'm' AND pg_catalog.pg_has_role(c.relowner, 'USAGE')), '')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND c.oid >= ` + firstUserOID + `
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
	g := &guard{pid: pid, stop: make(chan struct{}), done: make(chan struct{}), seen: map[uint32]*sighting{}}
	for i := range r.guards {
		if r.guards[i] == nil || r.guards[i].IsClosed() {
			conn, err := pg.Connect(ctx, r.Clone, pg.ConnOptions{Application: r.Application, IdleInTransaction: time.Minute})
			if err != nil {
				return nil, err
			}
			r.guards[i] = conn
		}
	}
	g.two = r.guards
	if err := g.stand(ctx, g.two[0], true); err != nil {
		return nil, err
	}
	go g.watch(ctx)
	return g, nil
}

// stand locks every table that the statement has not come to. That it cannot is no
// error: the statement is watched all the same.
func (g *guard) stand(ctx context.Context, conn *pgx.Conn, first bool) error {
	var tables, views string
	if err := conn.QueryRow(ctx, tablesSQL, int32(g.pid)).Scan(&tables, &views); err != nil {
		return err
	}
	sql := "BEGIN;SET LOCAL lock_timeout = '" + guardPatience + "'"
	if tables != "" {
		sql += ";LOCK TABLE " + tables + " IN SHARE MODE"
		if !first { // the statement waits for us meanwhile
			sql += " NOWAIT"
		}
	}
	if first {
		sql += views
	}
	err := conn.PgConn().Exec(ctx, sql).Close()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return stepAside(ctx, conn)
	}
	return err
}

func (g *guard) standing() bool { return g.two[g.at].PgConn().TxStatus() == 'T' }

func stepAside(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	return conn.PgConn().Exec(ctx, "ROLLBACK").Close()
}

// watch looks until it is stopped.
func (g *guard) watch(ctx context.Context) {
	defer close(g.done)
	for {
		waiting, err := g.look(ctx)
		if err == nil && waiting != nil && g.standing() {
			err = g.letPass(ctx, *waiting)
		}
		if g.err = err; err != nil {
			break
		}
		pause := guardGlances
		if g.standing() {
			pause = guardLooks
		}
		if !g.sleep(ctx, pause) {
			break
		}
	}
	for _, conn := range g.two {
		if g.err != nil || stepAside(ctx, conn) != nil { // the server lets go when the session ends
			closeConn(ctx, conn)
		}
	}
}

// sleep is false when the watch is over.
func (g *guard) sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-g.stop:
	case <-ctx.Done():
	case <-timer.C:
		return true
	}
	return false
}

// asked is a lock that the statement waits for; oid is 0 where it waits for a transaction.
type asked struct {
	oid  uint32
	mode LockMode
}

// look notes the locks that the statement has, and returns what it waits for.
func (g *guard) look(ctx context.Context) (*asked, error) {
	rows, err := g.two[g.at].Query(ctx, watchSQL, int32(g.pid))
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

// letPass gives the statement what it asked for, and keeps the rest from it.
func (g *guard) letPass(ctx context.Context, a asked) error {
	since := time.Now()
	other := 1 - g.at
	if err := g.stand(ctx, g.two[other], false); err != nil {
		return err
	}
	if err := stepAside(ctx, g.two[g.at]); err != nil {
		return err
	}
	g.at = other
	g.waited += time.Since(since)
	if a.oid != 0 {
		g.saw(a.oid, a.mode)
	}
	return nil
}

// end stops the watch, and lets go of everything.
func (g *guard) end() {
	close(g.stop)
	<-g.done
}
