package rehearsal

import (
	"slices"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// changes notes what a statement made of the relations whose catalog rows it wrote.
// What it dropped is gone from m.now already.
func (m *meter) changes(st sqlscan.Statement, changed []entry, read map[uint32]counts, s *Statement) {
	var made, moved []entry
	for _, e := range changed {
		old, there := m.now[e.OID]
		switch {
		case e.ours(m.rehearsal.version):
		case !there:
			made = append(made, e)
		case old.node != e.node && old.node != 0 && e.node != 0:
			moved = append(moved, e)
		}
		if there {
			if old.Name != e.Name || old.Schema != e.Schema {
				m.renamed(old, e)
			}
			e.bytes, e.rows = old.bytes, old.rows
		}
		m.now[e.OID] = e
	}
	rewritten := m.rewritten(st, moved, read, s)
	for _, e := range moved {
		if e.isIndex() && !rewritten[e.table] {
			m.built(e, s)
		}
	}
	for _, e := range made {
		m.made(e, rewritten, s)
	}
}

// rewritten notes the tables whose storage is a new one, and returns them. TRUNCATE gives
// an empty table a new storage, and writes nothing anew.
func (m *meter) rewritten(st sqlscan.Statement, moved []entry, read map[uint32]counts, s *Statement) map[uint32]bool {
	all := map[uint32]bool{}
	for _, e := range moved {
		if !e.holdsRows() {
			continue
		}
		all[e.OID] = true
		r := m.now.relation(e.OID, m.base)
		if m.emptied(st, e, read) {
			s.lose(r, m.now[e.OID])
			e = m.now[e.OID]
			e.rows = 0
			m.now[e.OID] = e
			delete(read, e.OID) // its indexes were built anew on nothing
			continue
		}
		s.Rewritten = append(s.Rewritten, r)
	}
	return all
}

// emptied reports whether a table with a new storage was truncated. Where the statement
// does not say so, the storage does: nothing is in it. A table that had no rows is read once
// for each of its indexes by TRUNCATE, and once more by what writes it anew.
func (m *meter) emptied(st sqlscan.Statement, e entry, read map[uint32]counts) bool {
	switch {
	case st.Begins("TRUNCATE"):
		return true
	case !opaque(st) || e.Kind != "table":
		return false
	case m.now[e.OID].rows > 0:
		return m.work.empty[e.OID]
	}
	indexes := int64(0)
	for _, i := range m.now {
		if i.isIndex() && i.table == e.OID {
			indexes++
		}
	}
	return read[e.OID].scans == indexes
}

// made notes a relation that is new. An index that replaces one of its name is that one,
// built anew; one that took over the other's storage was not even built.
func (m *meter) made(e entry, rewritten map[uint32]bool, s *Statement) {
	if e.isIndex() {
		i := slices.IndexFunc(s.Dropped, func(r Relation) bool { return r.Schema == e.Schema && r.Name == e.Name && r.Kind == e.Kind })
		if i >= 0 {
			old := m.work.before[s.Dropped[i].OID]
			s.Dropped = slices.Delete(s.Dropped, i, i+1)
			if old.node != e.node && !rewritten[e.table] {
				m.built(e, s)
			}
			return
		}
		m.built(e, s)
	}
	s.Made = append(s.Made, m.now.relation(e.OID, m.base))
}

// built notes an index of a table that was there before the pass.
func (m *meter) built(e entry, s *Statement) {
	if t, there := m.base[e.table]; there && !t.ours(m.rehearsal.version) && e.node != 0 {
		s.Built = append(s.Built, Index{Relation: m.now.relation(e.OID, m.base), Table: m.now.relation(e.table, m.base)})
	}
}

// renamed lets the target's sizes be found under the new name as well.
func (m *meter) renamed(old, e entry) {
	sizes := m.rehearsal.outcome.Sizes
	if size, ok := sizes[old.String()]; ok {
		if _, taken := sizes[e.String()]; !taken {
			sizes[e.String()] = size
		}
	}
}
