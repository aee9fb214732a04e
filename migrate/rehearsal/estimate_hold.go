package rehearsal

import (
	"slices"
	"time"
)

// hold is a lock that stops an application, and how long it is held on the target.
type hold struct {
	file *File
	lock Lock
	// taker is the statement that takes the lock, nil when the file was not taken apart.
	taker *Statement
	// during are the statements that run while it is held, the taker first.
	during []*Statement
	// lasts is the estimate for the target, from the statement that takes it to the end
	// of the transaction.
	lasts time.Duration
	// slowly is the same at the speed of a slow disk, as far as it hangs on the sizes of the
	// target's tables.
	slowly time.Duration
	// index is an index of the table that is locked with it, so that no query on the
	// table can be planned; "" when there is none.
	index string
}

// weighs is what the lock means to an application that uses the table.
func (h hold) weighs() weight { return weigh(h.slowly, h.lasts) }

// stops is what waits meanwhile.
func (h hold) stops() string {
	if h.index != "" {
		return AccessExclusive.Stops()
	}
	return h.lock.Mode.Stops()
}

// holdOf estimates how long the lock is held on the target; takes and slowly are how long
// each statement of the file does.
func (o *Outcome) holdOf(f *File, l Lock, takes, slowly []time.Duration) hold {
	h := hold{file: f, lock: l, lasts: l.Held}
	if l.Statement < 0 || len(f.Statements) == 0 {
		return h
	}
	var total time.Duration
	for i := range f.Statements {
		s := &f.Statements[i]
		behind := f.Transactional && s.Index > l.Statement // the lock is kept to the commit
		if s.Index != l.Statement && !behind {
			continue
		}
		if s.Index == l.Statement {
			h.taker = s
		}
		h.during = append(h.during, s)
		total += takes[i]
		h.slowly += slowly[i]
	}
	if h.taker != nil {
		h.lasts = total
	}
	return h
}

// holds are the locks of a file that stop an application from using a relation that was
// there before, in the order they are taken.
func (o *Outcome) holds(f *File) []hold {
	takes, slowly := make([]time.Duration, len(f.Statements)), make([]time.Duration, len(f.Statements))
	for i := range f.Statements {
		takes[i], slowly[i] = o.Takes(f, &f.Statements[i]), o.slowly(f, &f.Statements[i])
	}
	var all []hold
	look := func(locks []Lock) {
		for _, l := range locks {
			if l.Mode.Stops() == "" || l.Relation.New || l.Relation.Kind == "index" || l.Relation.Kind == "partitioned index" {
				continue
			}
			h := o.holdOf(f, l, takes, slowly)
			h.index = o.lockedIndex(l, locks)
			all = append(all, h)
		}
	}
	for i := range f.Statements {
		look(f.Statements[i].Locks)
	}
	if len(f.Statements) == 0 {
		look(f.Locks)
	}
	return all
}

// lockedIndex is an index of the relation that is locked against everybody by the same
// statement: planning a query locks every index of its tables.
func (o *Outcome) lockedIndex(l Lock, locks []Lock) string {
	if l.Mode >= AccessExclusive {
		return ""
	}
	for _, other := range locks {
		if other.Relation.Kind != "index" || other.Mode < AccessExclusive || other.Relation.New {
			continue
		}
		if table, ok := o.indexesBefore().table[other.Relation.qualified()]; ok && table.same(l.Relation) {
			return other.Relation.String()
		}
	}
	return ""
}

// written are the tables whose rows the statement changes, as its text says and the file's
// locks confirm: on a clone without rows nothing can be counted. With rows it is what was
// counted.
func (o *Outcome) written(f *File, s *Statement) []Relation {
	var tables []Relation
	for _, r := range s.Rows {
		if r.Updated+r.Deleted > 0 && !emptied(s, r.Relation) {
			tables = append(tables, r.Relation)
		}
	}
	if o.Mode == WithData {
		return tables
	}
	for _, name := range writesIn(readCommand(f, s).tokens) {
		for _, l := range f.Locks {
			if l.Mode >= RowExclusive && isNamed(l.Relation, name) && !slices.ContainsFunc(tables, l.Relation.same) {
				tables = append(tables, l.Relation)
			}
		}
	}
	return tables
}

// emptied reports whether the rows went all at once, by DROP or TRUNCATE.
func emptied(s *Statement, r Relation) bool {
	c := readCommand(nil, s).phrase()
	return slices.ContainsFunc(s.Dropped, r.same) || c.begins("TRUNCATE") || c.begins("DROP")
}
