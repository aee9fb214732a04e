package rehearsal

import "time"

const (
	// noticeable is from how long on a lock is told of as more than a moment.
	noticeable = 100 * time.Millisecond
	// weighty is how long work takes, at the speed of a slow disk, from which on it is worth
	// a warning: 100,000 rows indexed, 40 MB read, 10 MB rewritten, 10,000 rows updated.
	// That hangs on the database alone. The clone's speed differs by a half from one run to
	// the next, and a warning that comes and goes is believed by nobody.
	weighty = 400 * time.Millisecond
	// always is how long an estimate, or what was measured, is a warning whatever the sizes
	// say: a server that is far slower than that disk, a statement that waits.
	always = time.Second
)

// weight is what a lock or a statement means to an application.
type weight int

const (
	// light passes unnoticed, borderline may be noticed on a slow or busy server, heavy is
	// a warning.
	light weight = iota
	borderline
	heavy
)

// weigh judges by the time at the speed of a slow disk, and by the estimate.
func weigh(slowly, estimate time.Duration) weight {
	switch {
	case slowly >= weighty, estimate >= always:
		return heavy
	case estimate >= noticeable:
		return borderline
	}
	return light
}

// weighs is what a statement means to an application that uses its tables.
func (o *Outcome) weighs(f *File, s *Statement) weight { return weigh(o.slowly(f, s), o.Takes(f, s)) }

// slowly is how long the statement takes at the speed of a slow disk, as the sizes of the
// target's tables have it.
func (o *Outcome) slowly(f *File, s *Statement) time.Duration {
	at := &Outcome{Rates: assumed, Before: o.Before, indexes: o.indexesBefore()}
	var takes time.Duration
	for _, w := range o.works(f, s) {
		if w.kind == updating && o.Mode == WithData {
			w.size = Size{Rows: o.rowsWritten(s, w.table), Bytes: w.size.Bytes}
		}
		takes += at.priced(w).takes
	}
	return takes
}

// rowsWritten is how many rows of the target's table the statement changes, from those
// that it changed on a clone with rows.
func (o *Outcome) rowsWritten(s *Statement, table Relation) int64 {
	var n int64
	for _, r := range s.Rows {
		if r.Relation.same(table) {
			n += r.Updated + r.Deleted
		}
	}
	clone, target := o.CloneSizes[table.String()], o.Sizes[table.String()]
	if clone.Rows > 0 && target.Rows > clone.Rows {
		n = int64(float64(n) * float64(target.Rows) / float64(clone.Rows))
	}
	return n
}
