package rehearsal

import (
	"context"
	"errors"
	"strings"
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
// aside from what was asked for, and no further than it must: a statement that commits
// inside may come back for more, as DETACH PARTITION … CONCURRENTLY does.
type guard struct {
	// two sessions hold the locks in turn: the second takes those that are to stay
	// before the first lets all of its own go. None of the modes they take excludes another.
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

// tablesSQL are the tables and materialized views the role may lock, each with the modes
// that the session has of it or waits for.
const tablesSQL = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind = 'm',
       ARRAY(SELECT l.mode FROM pg_catalog.pg_locks l WHERE l.pid = $1::int AND l.relation = c.oid
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE (c.relkind IN ('r', 'p') OR c.relkind = 'm' AND pg_catalog.pg_has_role(c.relowner, 'USAGE'))
   AND c.relpersistence <> 't' AND c.oid >= ` + firstUserOID + `
   AND n.nspname !~ '^pg_' AND n.nspname <> 'clipperops' AND c.relname <> 'schema_migrations'
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
 ORDER BY c.oid`

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

// stand locks every table as strongly as it can beside the statement. That it cannot is no
// error: the statement is watched all the same.
func (g *guard) stand(ctx context.Context, conn *pgx.Conn, first bool) error {
	tables, views, err := g.others(ctx, conn)
	if err != nil {
		return err
	}
	sql := "BEGIN;SET LOCAL lock_timeout = '" + guardPatience + "'"
	for mode, names := range tables {
		if len(names) == 0 {
			continue
		}
		sql += ";LOCK TABLE ONLY " + strings.Join(names, ", ONLY ") + " IN " + LockMode(mode).String() + " MODE"
		if !first { // the statement waits for us meanwhile
			sql += " NOWAIT"
		}
	}
	if first {
		// LOCK does not take materialized views; what is said of one takes SHARE UPDATE
		// EXCLUSIVE, and is not said in the end.
		for _, view := range views {
			sql += ";COMMENT ON MATERIALIZED VIEW " + view + " IS NULL"
		}
	}
	err = conn.PgConn().Exec(ctx, sql).Close()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return stepAside(ctx, conn)
	}
	return err
}

// others are the tables to lock, by the mode, and the materialized views.
func (g *guard) others(ctx context.Context, conn *pgx.Conn) (tables [AccessExclusive][]string, views []string, err error) {
	rows, err := conn.Query(ctx, tablesSQL, int32(g.pid))
	if err != nil {
		return tables, nil, err
	}
	var name string
	var view bool
	var asked []string
	_, err = pgx.ForEachRow(rows, []any{&name, &view, &asked}, func() error {
		strongest := NoLock
		for _, mode := range asked {
			strongest = max(strongest, ParseLockMode(mode))
		}
		if beside := beside(strongest); view {
			views = append(views, name)
		} else if beside != NoLock {
			tables[beside] = append(tables[beside], name)
		}
		return nil
	})
	return tables, views, err
}

// beside is what the guard holds of a table of which the statement has that: what excludes
// neither it nor the guard's other session, and as much as possible of what is stronger.
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
func beside(statement LockMode) LockMode {
	switch statement {
	case AccessExclusive:
		return NoLock
	case Exclusive:
		return AccessShare
	case ShareRowExclusive, ShareUpdateExclusive, RowExclusive:
		return RowShare
	}
	return Share
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
	// Not one moment more: the server lets it go before it tells us so.
	g.waited += time.Since(since)
	if err := stepAside(ctx, g.two[g.at]); err != nil {
		return err
	}
	g.at = other
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
