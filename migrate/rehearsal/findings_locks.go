package rehearsal

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

// mostNoted is how many locks that are no warning are told of one by one.
const mostNoted = 12

// locked is a relation and the locks on it that stop an application.
type locked struct {
	relation Relation
	size     Size
	holds    []hold
	// worst is the one to tell of.
	worst hold
}

// warns reports whether an application would notice.
func (l locked) warns() bool { return l.size.large() && l.worst.weighs() == heavy }

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

// worseFirst puts what weighs before what nobody notices, then the stronger, then the longer.
func worseFirst(a, b hold) int {
	strength := func(h hold) int { return len(h.stops()) } // "reads and writes" before "writes"
	return cmp.Or(cmp.Compare(b.weighs(), a.weighs()), cmp.Compare(strength(b), strength(a)), cmp.Compare(b.lock.Mode, a.lock.Mode), cmp.Compare(b.lasts, a.lasts))
}

// locks tells of the locks on relations in use: the heaviest in one line, then one
// result for each relation, up to a number.
func (o *Outcome) locks() []ops.Result {
	all := o.lockedRelations()
	if len(all) == 0 {
		return []ops.Result{o.lockSummary("no table in use is locked against reads or writes")}
	}
	first := all[0]
	summary := fmt.Sprintf("heaviest lock on a table in use: %s on %s, about %s%s", first.worst.lock.Mode, first.relation, lasting(first.worst.lasts), o.inParentheses(first.relation))
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
	summary := fmt.Sprintf("%s on %s for about %s%s", h.lock.Mode, l.relation, lasting(h.lasts), o.inParentheses(l.relation))
	if l.size.large() && h.weighs() == borderline {
		summary += "; borderline: others may notice it on a server that is slow or busy"
	}
	return found("locks."+l.relation.String(), ops.Pass(summary, o.lockFacts(l)...))
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
	return found("locks."+l.relation.String(), ops.Warn(summary, o.lockFix(l), o.lockFacts(l)...))
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

// lockFix is the safe form of each statement that makes the locks on the relation last, or
// that locks it while they do; and of what takes them when nothing of it is slow.
func (o *Outcome) lockFix(l locked) string {
	var slow, taking []form
	for _, h := range l.holds {
		if h.weighs() != heavy {
			continue
		}
		if h.taker == nil {
			slow = append(slow, form{file: h.file, text: "take the file apart: one statement that locks a table in use for each file"})
			continue
		}
		for _, s := range h.during {
			slow = append(slow, o.formsDuring(l.relation, h, s)...)
		}
		taking = append(taking, formsOf(h.file, h.taker, adviseOn(o.command(h.file, h.taker)))...)
	}
	return cmp.Or(formLines(distinctForms(slow)), formLines(distinctForms(taking)), "there is no gentler form: plan a quiet moment for it")
}

// formsDuring are the safe forms of a statement that runs while the lock is held.
func (o *Outcome) formsDuring(locked Relation, h hold, s *Statement) []form {
	works := slices.ContainsFunc(o.works(h.file, s), func(w work) bool { return w.size.large() })
	if !works && !o.locksToo(locked, h.file, s) {
		return nil
	}
	c := o.command(h.file, s)
	c.beside = s != h.taker
	forms := slices.DeleteFunc(formsOf(h.file, s, adviseOn(c)), func(f form) bool { return !works && !slows(f.trap) })
	if len(forms) == 0 && works && s != h.taker && o.weighs(h.file, s) > light {
		forms = []form{{file: h.file, line: s.Line, text: fmt.Sprintf("put line %d (%s) into a file of its own: it runs while the lock of line %d is held", s.Line, brief(s), h.taker.Line)}}
	}
	return forms
}

// locksToo reports whether a statement locks the relation against somebody, be it that an
// earlier one has done so already.
func (o *Outcome) locksToo(locked Relation, f *File, s *Statement) bool {
	if slices.ContainsFunc(s.Locks, func(l Lock) bool { return l.Relation.same(locked) && l.Mode.Stops() != "" }) {
		return true
	}
	if c := readCommand(f, s); isNamed(locked, c.target) {
		return true
	}
	return slices.ContainsFunc(s.Dropped, func(r Relation) bool {
		table, known := o.indexesBefore().table[r.qualified()]
		return r.Kind == "index" && known && table.same(locked)
	})
}
