package rehearsal

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// beforeOutside is the engine's hook before a statement that runs outside a transaction.
func (m *meter) beforeOutside(ctx context.Context, conn *pgx.Conn, f migrate.File, i int) (func(), error) {
	if err := m.rehearsal.mayRunOutside(f, f.Statements[i]); err != nil {
		return nil, err
	}
	_, wal, err := readCatalog(ctx, m.rehearsal.look)
	if err != nil {
		return nil, &brokenError{err}
	}
	m.work.wal, m.work.apart = wal, true
	if m.work.guard, err = m.rehearsal.newGuard(ctx, conn.PgConn().PID()); err != nil {
		return nil, &brokenError{err}
	}
	return m.work.guard.end, nil
}

// outside tells what a statement did outside a transaction: its locks are those that the
// guard saw, the rest is what the catalogs say now and did not say before.
func (m *meter) outside(ctx context.Context, st sqlscan.Statement, s *Statement) error {
	ended := time.Now()
	w := m.work
	all, wal, err := readCatalog(ctx, m.rehearsal.look)
	if err != nil {
		return &brokenError{err}
	}
	if g := w.guard; g != nil {
		if g.err != nil && ctx.Err() == nil {
			return &brokenError{g.err}
		}
		s.WAL = wal - w.wal
		s.Took = max(s.Took-g.waited, 0)
		m.sighted(g, ended, s)
		w.guard = nil
	}
	m.compare(st, all, s)
	return nil
}

// sighted notes the locks that the guard saw.
func (m *meter) sighted(g *guard, ended time.Time, s *Statement) {
	w := m.work
	for _, oid := range g.order {
		e, there := w.before[oid]
		if !there || e.ours(m.rehearsal.version) {
			continue
		}
		l := Lock{Relation: m.name(oid), Mode: g.seen[oid].mode, Statement: s.Index, Held: min(ended.Sub(g.seen[oid].since), s.Took)}
		s.Locks = append(s.Locks, l)
		switch strongest := w.held[oid]; {
		case strongest == nil:
			w.held[oid] = &l
			w.order = append(w.order, oid)
		case l.Mode > strongest.Mode, l.Mode == strongest.Mode && l.Held > strongest.Held:
			*strongest = l
		}
	}
}

// compare notes what is otherwise in the catalogs.
func (m *meter) compare(st sqlscan.Statement, all catalog, s *Statement) {
	var changed []entry
	grown := m.work.file.Grown
	defer func() { s.Grown = m.work.file.Grown - grown }()
	for oid, e := range all {
		if old, there := m.now[oid]; !there || old.node != e.node || old.Relation != e.Relation {
			changed = append(changed, e)
		}
		m.work.file.Grown += e.bytes - m.now[oid].bytes
	}
	for oid, e := range m.now {
		if _, there := all[oid]; !there && !e.ours(m.rehearsal.version) {
			m.drop(oid, e, s)
		}
	}
	slices.SortFunc(s.Dropped, func(a, b Relation) int { return cmp.Compare(a.OID, b.OID) })
	slices.SortFunc(changed, func(a, b entry) int { return cmp.Compare(a.OID, b.OID) })
	m.changes(st, changed, nil, s)
	for oid, e := range m.now {
		e.bytes = all[oid].bytes
		m.now[oid] = e
	}
	// What is built or written anew is read through.
	for _, i := range s.Built {
		s.read(i.Table)
	}
	for _, r := range s.Rewritten {
		s.read(r)
	}
}

func (s *Statement) read(r Relation) {
	if !r.New && !slices.ContainsFunc(s.Scanned, func(o Relation) bool { return o.OID == r.OID }) {
		s.Scanned = append(s.Scanned, r)
	}
}
