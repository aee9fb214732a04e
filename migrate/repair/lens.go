package repair

import (
	"strings"

	"github.com/clipper/clipperops/internal/pg"
)

// value is what a snapshot has under a key.
type value struct {
	there      bool
	definition string
}

// lens shows of a snapshot what the files around the mark change, and of that what can be
// compared between a scratch database and the target.
type lens struct {
	// target is the database.
	target *pg.Snapshot
	keys   map[pg.Key]bool
	// owners are those that the files themselves give an object: any other is whoever
	// happened to run them.
	owners map[pg.Key]map[string]bool
}

// newLens gathers what changes between the levels and, where that was looked at, between
// the statements.
func newLens(target *pg.Snapshot, c *corridor) *lens {
	l := &lens{target: target, keys: map[pg.Key]bool{}, owners: map[pg.Key]map[string]bool{}}
	levels := c.levels()
	for i := 1; i < len(levels); i++ {
		l.add(pg.Flatten(pg.Diff(levels[i-1].schema, levels[i].schema)))
	}
	for _, p := range []*played{c.arrival.up, c.arrival.down, c.departure.up, c.departure.down} {
		if p == nil {
			continue
		}
		for _, s := range p.steps { // what a file makes and takes away again, too
			l.add(s.changes)
		}
	}
	return l
}

func (l *lens) add(changes []pg.Change) {
	for _, c := range changes {
		switch {
		case !comparable(c):
			continue
		case c.Kind == pg.KindOwner:
			if l.owners[c.Key] == nil {
				l.owners[c.Key] = map[string]bool{}
			}
			l.owners[c.Key][c.After] = true
		}
		l.keys[c.Key] = true
	}
}

// comparable leaves out who owns what was made, and the order of columns, which is no
// object.
func comparable(c pg.Change) bool {
	return c.Kind != pg.KindColumnOrder && (c.Kind != pg.KindOwner || c.Op == pg.Altered)
}

// in is what the snapshot has under the key.
func (l *lens) in(s *pg.Snapshot, k pg.Key) value {
	o, ok := s.Find(k)
	return l.of(k, ok, o.Definition)
}

func (l *lens) of(k pg.Key, there bool, definition string) value {
	switch {
	case !there:
		return value{}
	case k.Kind == pg.KindExtension: // its version is the server's
		return value{there: true}
	case k.Kind == pg.KindOwner && !l.owners[k][definition]:
		return value{there: true}
	}
	return value{there, definition}
}

// has reports whether the database has that value under the key.
func (l *lens) has(k pg.Key, v value) bool {
	return l.in(l.target, k) == v
}

// same reports whether both have the same of all that the files change.
func (l *lens) same(a, b *pg.Snapshot) bool {
	for k := range l.keys {
		if l.in(a, k) != l.in(b, k) {
			return false
		}
	}
	return true
}

// unlike counts the keys of which the database has something else than the snapshot.
func (l *lens) unlike(s *pg.Snapshot) int {
	n := 0
	for k := range l.keys {
		if !l.has(k, l.in(s, k)) {
			n++
		}
	}
	return n
}

// strays counts the keys of which the database has neither what the one nor what the
// other has.
func (l *lens) strays(one, other *pg.Snapshot) int {
	n := 0
	for k := range l.keys {
		if !l.has(k, l.in(one, k)) && !l.has(k, l.in(other, k)) {
			n++
		}
	}
	return n
}

const invalidMark = " INVALID"

// repaired is an index's definition as it would be if it were valid; ok is false for what
// is no INVALID index.
func repaired(k pg.Key, v value) (definition string, ok bool) {
	if k.Kind != pg.KindIndex || !strings.HasSuffix(v.definition, invalidMark) {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimSuffix(v.definition, invalidMark), " NOT READY"), true
}
