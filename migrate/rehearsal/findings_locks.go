package rehearsal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

const (
	// noticeable is from how long on a lock is worth a warning.
	noticeable = 100 * time.Millisecond
	// mostNoted is how many locks that are no warning are told of one by one.
	mostNoted = 12
)

// locked is a relation and the locks on it that stop an application.
type locked struct {
	relation Relation
	size     Size
	holds    []hold
	// worst is the one to tell of.
	worst hold
}

// warns reports whether an application would notice.
func (l locked) warns() bool { return l.size.large() && l.worst.lasts >= noticeable }

// lockedRelations are those that were there before the plan, the worst first.
func (o *Outcome) lockedRelations() []locked {
	var all []locked
	there := o.Pass(There)
	for i := range there.Files {
		for _, h := range o.holds(&there.Files[i]) {
			at := slices.IndexFunc(all, func(l locked) bool { return l.relation.same(h.lock.Relation) })
			if at < 0 {
				size, known := o.Sizes[h.lock.Relation.String()]
				if !known {
					size = Size{Rows: -1}
				}
				all = append(all, locked{relation: h.lock.Relation, size: size})
				at = len(all) - 1
			}
			all[at].holds = append(all[at].holds, h)
		}
	}
	for i := range all {
		all[i].worst = slices.MinFunc(all[i].holds, worseFirst)
	}
	slices.SortStableFunc(all, func(a, b locked) int {
		if a.warns() != b.warns() {
			if a.warns() {
				return -1
			}
			return 1
		}
		return worseFirst(a.worst, b.worst)
	})
	return all
}

// worseFirst puts what lasts before what nobody notices, then the stronger, then the longer.
func worseFirst(a, b hold) int {
	lasts := func(h hold) int {
		if h.lasts >= noticeable {
			return 1
		}
		return 0
	}
	strength := func(h hold) int { return len(h.stops()) } // "reads and writes" before "writes"
	return cmp.Or(cmp.Compare(lasts(b), lasts(a)), cmp.Compare(strength(b), strength(a)), cmp.Compare(b.lock.Mode, a.lock.Mode), cmp.Compare(b.lasts, a.lasts))
}

// locks tells of the locks on relations in use: the strongest in one line, then one
// result for each relation, up to a number.
func (o *Outcome) locks() []ops.Result {
	all := o.lockedRelations()
	if len(all) == 0 {
		return []ops.Result{o.lockSummary("no table in use is locked against reads or writes")}
	}
	first := all[0]
	summary := fmt.Sprintf("strongest lock on a table in use: %s on %s, about %s%s", first.worst.lock.Mode, first.relation, lasting(first.worst.lasts), o.inParentheses(first.relation))
	var results []ops.Result
	noted := 0
	for _, l := range all {
		if l.warns() {
			results = append(results, o.lockWarning(l))
			continue
		}
		if noted++; noted <= mostNoted {
			results = append(results, o.lockNote(l))
		}
	}
	if more := noted - mostNoted; more > 0 {
		summary += fmt.Sprintf("; %s more, small or locked only for a moment, are not listed", counted(more, "table"))
	}
	return append([]ops.Result{o.lockSummary(summary)}, results...)
}

// lockSummary is the line about all locks, a warning when a file sets how long it waits
// for them: whoever comes later waits behind it.
func (o *Outcome) lockSummary(summary string) ops.Result {
	var facts []ops.Fact
	var fix string
	o.each(func(f *File, s *Statement) {
		if safe := setLockTimeout(readCommand(f, s)); safe != "" {
			facts = append(facts, ops.Fact{Name: f.at(s), Value: brief(s)})
			fix = safe
		}
	})
	if fix == "" {
		return found("locks", ops.Pass(summary))
	}
	return found("locks", ops.Warn(summary+"; a file waits for locks longer than clipperops would", fix, facts...))
}

func (o *Outcome) lockNote(l locked) ops.Result {
	h := l.worst
	return found("locks."+l.relation.String(), ops.Pass(
		fmt.Sprintf("%s on %s for about %s%s", h.lock.Mode, l.relation, lasting(h.lasts), o.inParentheses(l.relation)), o.lockFacts(l)...))
}

func (o *Outcome) lockWarning(l locked) ops.Result {
	h := l.worst
	who := h.file.ID()
	if h.taker != nil && o.Takes(h.file, h.taker) >= h.lasts/2 {
		who = brief(h.taker)
	}
	what := "writes to"
	if h.stops() != Share.Stops() {
		what = h.stops() + " on"
	}
	summary := fmt.Sprintf("%s blocks %s %s for about %s%s", who, what, l.relation, lasting(h.lasts), o.inParentheses(l.relation))
	return found("locks."+l.relation.String(), ops.Warn(summary, o.lockFix(h), o.lockFacts(l)...))
}

// lockFacts say where the lock is taken, and what the time is made of.
func (o *Outcome) lockFacts(l locked) []ops.Fact {
	h := l.worst
	until := "to the commit"
	if !h.file.Transactional {
		until = "to the statement's end"
	}
	facts := []ops.Fact{{Name: h.file.at(h.taker), Value: h.lock.Mode.String() + ", from there " + until}}
	if h.index != "" {
		facts = append(facts, said(fmt.Sprintf("ACCESS EXCLUSIVE on its index %s, which every query on the table waits for", h.index)))
	}
	for _, s := range h.during {
		facts = append(facts, o.workFacts(h.file, s)...)
	}
	facts = append(facts, ops.Fact{Name: "held on the clone", Value: lasting(h.lock.Held) + o.onWhat()})
	for _, other := range l.holds {
		if other.file != h.file {
			facts = append(facts, ops.Fact{Name: "also " + other.file.at(other.taker), Value: fmt.Sprintf("%s, about %s", other.lock.Mode, lasting(other.lasts))})
		}
	}
	return facts
}

// onWhat says what the clone's tables held.
func (o *Outcome) onWhat() string {
	if o.Mode == WithData {
		return ", with the backup's rows"
	}
	return ", without rows"
}

// workFacts are what a statement does with large tables, and how long that takes.
func (o *Outcome) workFacts(f *File, s *Statement) []ops.Fact {
	var facts []ops.Fact
	for _, w := range o.works(f, s) {
		if w.takes >= noticeable/10 || o.Mode == WithData {
			facts = append(facts, ops.Fact{Name: fmt.Sprintf("line %d", s.Line), Value: o.workSaid(s, w)})
		}
	}
	return facts
}

// workSaid is a work in a line: "clips is rewritten, 180 MB and 6 indexes, about 4 s".
func (o *Outcome) workSaid(s *Statement, w work) string {
	amount := w.size.String()
	if w.kind == rewriting || w.kind == scanning {
		amount = sized(w.size.Bytes)
	}
	if w.indexes > 0 {
		amount += " and " + counted(w.indexes, "index")
	}
	if w.kind == updating {
		amount = "up to " + amount
	}
	switch takes := lasting(w.takes); {
	case o.Mode == WithData:
		return fmt.Sprintf("%s is %s: %s, %s on the clone", w.table, w.kind, amount, lasting(s.Took))
	case o.Rates == Rates{}:
		return fmt.Sprintf("%s is %s: %s, about %s at a speed that is assumed", w.table, w.kind, amount, takes)
	default:
		return fmt.Sprintf("%s is %s: %s, about %s at the clone's speed", w.table, w.kind, amount, takes)
	}
}

// mostFixes is how many safe forms a warning shows.
const mostFixes = 6

// lockFix is the safe form of what makes the lock last, and of what takes it when nothing
// of it is slow.
func (o *Outcome) lockFix(h hold) string {
	if h.taker == nil {
		return "take the file apart: one statement that locks a table in use for each file"
	}
	var fixes []string
	for _, s := range h.during {
		if o.Takes(h.file, s) < noticeable || len(o.works(h.file, s)) == 0 {
			continue
		}
		c := readCommand(h.file, s)
		c.beside = s != h.taker
		switch safe := safeForms(adviseOn(c)); {
		case safe != "":
			fixes = append(fixes, strings.Split(safe, "\n")...)
		case s != h.taker:
			fixes = append(fixes, fmt.Sprintf("put line %d (%s) into a file of its own: it runs while the lock of line %d is held", s.Line, brief(s), h.taker.Line))
		}
	}
	if len(fixes) == 0 {
		return cmp.Or(safeForms(adviseOn(readCommand(h.file, h.taker))), "there is no gentler form: plan a quiet moment for it")
	}
	fixes = distinct(fixes)
	if more := len(fixes) - mostFixes; more > 0 {
		fixes = append(fixes[:mostFixes], fmt.Sprintf("and %d more alike", more))
	}
	return strings.Join(fixes, "\n")
}
