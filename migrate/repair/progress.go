package repair

import (
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
)

// timeline is what a key was before the file and behind each statement that changed it.
type timeline struct {
	values []value
	// at is the place in values where the database stands, -1 for none of them, -2 where
	// that cannot be told: the same value comes twice.
	at int
}

func (w *writer) timelines() map[pg.Key]*timeline {
	lines := map[pg.Key]*timeline{}
	for _, s := range w.played.steps {
		for _, c := range s.changes {
			if !comparable(c) {
				continue
			}
			t := lines[c.Key]
			if t == nil {
				t = &timeline{values: []value{w.in(w.played.before, c.Key)}}
				lines[c.Key] = t
			}
			t.values = append(t.values, w.of(c.Key, c.Op != pg.Removed, c.After))
		}
	}
	for k, t := range lines {
		t.at = t.find(w.standing(k, t))
	}
	return lines
}

// standing tells whether the database has a value of the timeline. An INVALID index is as
// good as none where the file makes it, and there where the file drops it.
func (w *writer) standing(k pg.Key, t *timeline) func(value) bool {
	whole, ok := repaired(k, w.in(w.target, k))
	if !ok {
		return func(v value) bool { return w.has(k, v) }
	}
	is := value{}
	if t.values[0].there {
		is = value{there: true, definition: whole}
	}
	return func(v value) bool { return v == is }
}

func (t *timeline) find(has func(value) bool) int {
	found := -1
	for i, v := range t.values {
		if !has(v) {
			continue
		}
		if found >= 0 {
			return -2
		}
		found = i
	}
	return found
}

// progress tells for every statement how far it has come.
func (w *writer) progress() []progress {
	seen := map[pg.Key]int{}
	all := make([]progress, len(w.played.steps))
	for i, s := range w.played.steps {
		counts := map[progress]int{}
		for _, c := range s.changes {
			t := w.lines[c.Key]
			if t == nil {
				continue
			}
			seen[c.Key]++
			switch place := seen[c.Key]; {
			case t.at == -2, c.Op == pg.Removed && !asked(c, s):
			case t.at == -1 && c.Op == pg.Removed: // it stands otherwise, and can be dropped as well
				counts[toRun]++
			case t.at == -1:
				counts[byHand]++
			case t.at >= place:
				counts[done]++
			default:
				counts[toRun]++
			}
		}
		switch {
		case counts[byHand] > 0:
			all[i] = byHand
		case counts[done] > 0 && counts[toRun] > 0:
			all[i] = byHand
			if dropsWhatIsThere(s) {
				all[i] = toRun
			}
		case counts[done] > 0:
			all[i] = done
		case counts[toRun] > 0:
			all[i] = toRun
		}
	}
	if w.ran {
		inferred(all)
	}
	return all
}

// inferred settles what the schema does not show by what stands around it: the file was
// run from its beginning.
func inferred(all []progress) {
	last, first := -1, len(all)
	for i, p := range all {
		if p == done {
			last = i
		}
		if p == toRun {
			first = min(first, i)
		}
	}
	for i, p := range all {
		switch {
		case p != unknown:
		case i < last && i < first:
			all[i] = done
		case i > last && i > first:
			all[i] = toRun
		}
	}
}

// asked reports whether the statement names what it removed. What goes along with that, an
// index with its table, need not be there; where it names nothing, all of it counts.
func asked(c pg.Change, s step) bool {
	names := map[string]bool{}
	for _, t := range s.statement.Tokens {
		names[t.Name()] = true
	}
	some := slices.ContainsFunc(s.changes, func(c pg.Change) bool { return c.Op == pg.Removed && names[bareName(c.Key)] })
	return !some || names[bareName(c.Key)]
}

// bareName is the last part of an object's name, without quotes and arguments.
func bareName(k pg.Key) string {
	name, _, _ := strings.Cut(k.Name, "(")
	if strings.HasSuffix(name, `"`) {
		name = strings.TrimSuffix(name, `"`)
		return strings.ReplaceAll(name[strings.LastIndex(name, `."`)+len(`."`):], `""`, `"`)
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}

// dropsWhatIsThere reports whether a statement may run where some of what it drops is gone.
func dropsWhatIsThere(s step) bool {
	for _, c := range s.changes {
		if c.Op != pg.Removed {
			return false
		}
	}
	for i := range len(s.statement.Tokens) - 1 {
		if s.statement.Tokens[i].Is("IF") && s.statement.Tokens[i+1].Is("EXISTS") {
			return true
		}
	}
	return false
}
