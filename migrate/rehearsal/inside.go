package rehearsal

import (
	"cmp"
	"slices"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// inside tells what a statement did from what its transaction holds now and did not
// hold before.
func (m *meter) inside(st sqlscan.Statement, now sample, s *Statement) {
	w := m.work
	s.WAL, w.wal = now.wal-w.wal, now.wal
	slices.SortFunc(now.held, func(a, b held) int { return cmp.Compare(a.oid, b.oid) })
	slices.SortFunc(now.changed, func(a, b entry) int { return cmp.Compare(a.OID, b.OID) })
	m.locks(now, s)
	read := m.written(now, s)
	m.dropped(now, s)
	m.changes(st, now.changed, read, s)
	for _, h := range now.held {
		m.grown(h)
	}
	m.scanned(st, read, s)
}

// locks notes what is locked more strongly than before. What the file itself made
// nobody else can see, let alone wait for.
func (m *meter) locks(now sample, s *Statement) {
	w := m.work
	for _, h := range now.held {
		e, there := w.before[h.oid]
		if !there || e.ours(m.rehearsal.version) {
			continue
		}
		l := w.held[h.oid]
		if l == nil {
			l = &Lock{}
			w.held[h.oid] = l
			w.order = append(w.order, h.oid)
		}
		if h.mode <= l.Mode {
			continue
		}
		*l = Lock{Relation: m.name(h.oid), Mode: h.mode, Statement: s.Index}
		if w.unseen >= 0 {
			l.Statement = w.unseen
		}
		s.Locks = append(s.Locks, *l)
	}
}

// name is the relation as it is called before the statement, or was before it was dropped.
func (m *meter) name(oid uint32) Relation {
	if _, there := m.now[oid]; there {
		return m.now.relation(oid, m.base)
	}
	return m.work.before.relation(oid, m.base)
}

// written notes the rows, and returns what was counted since the last statement.
func (m *meter) written(now sample, s *Statement) map[uint32]counts {
	read := map[uint32]counts{}
	for _, h := range now.held {
		c := h.counts.since(m.counts[h.oid])
		m.counts[h.oid] = h.counts
		if c == (counts{}) {
			continue
		}
		read[h.oid] = c
		e, there := m.now[h.oid]
		for i := range now.changed { // one that this statement made
			if !there && now.changed[i].OID == h.oid {
				e, there = now.changed[i], true
				now.changed[i].rows = c.inserted - c.deleted
			}
		}
		if !there || !e.holdsRows() || e.ours(m.rehearsal.version) {
			continue
		}
		if _, known := m.now[h.oid]; known {
			e.rows += c.inserted - c.deleted
			m.now[h.oid] = e
		}
		if c.inserted != 0 || c.updated != 0 || c.deleted != 0 {
			_, before := m.base[h.oid]
			e.New = !before
			s.Rows = append(s.Rows, Rows{Relation: e.Relation, Inserted: c.inserted, Updated: c.updated, Deleted: c.deleted})
		}
	}
	return read
}

// dropped notes what is locked and no longer there.
func (m *meter) dropped(now sample, s *Statement) {
	for _, h := range now.held {
		if e, there := m.now[h.oid]; h.gone && there {
			m.drop(h.oid, e, s)
		}
	}
}

func (m *meter) drop(oid uint32, e entry, s *Statement) {
	r := m.now.relation(oid, m.base)
	s.Dropped = append(s.Dropped, r)
	s.lose(r, e)
	m.work.file.Grown -= e.bytes
	delete(m.now, oid)
}

// lose notes the rows of a table that is emptied or gone.
func (s *Statement) lose(r Relation, e entry) {
	if e.rows <= 0 || e.Kind != "table" {
		return
	}
	for i := range s.Rows {
		if s.Rows[i].Relation.OID == r.OID {
			s.Rows[i].Deleted += e.rows
			return
		}
	}
	s.Rows = append(s.Rows, Rows{Relation: r, Deleted: e.rows})
}

// grown notes the size of what may have changed.
func (m *meter) grown(h held) {
	e, there := m.now[h.oid]
	if !there || h.bytes < 0 {
		return
	}
	m.work.file.Grown += h.bytes - e.bytes
	e.bytes = h.bytes
	m.now[h.oid] = e
}

// scanned notes the tables that were read through. What a command like ALTER TABLE reads
// by an index it reads all of; a query does so to find a few rows.
func (m *meter) scanned(st sqlscan.Statement, read map[uint32]counts, s *Statement) {
	seen := map[uint32]bool{}
	for oid, c := range read {
		e, before := m.base[oid]
		if !before || c.scans <= 0 || e.ours(m.rehearsal.version) {
			continue
		}
		table := oid
		if e.isIndex() {
			if !st.Begins("ALTER") {
				continue
			}
			table = e.table
		}
		if t, there := m.base[table]; there && t.holdsRows() {
			seen[table] = true
		}
	}
	for oid := range seen {
		s.Scanned = append(s.Scanned, m.name(oid))
	}
	slices.SortFunc(s.Scanned, func(a, b Relation) int { return cmp.Compare(a.OID, b.OID) })
}
