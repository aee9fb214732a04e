package repair

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
)

// Script is SQL that leads the database to a version. It is offered, never run there.
type Script struct {
	// Version is the one it leads to, -1 for none.
	Version int64 `json:"version"`
	// File is where its statements come from.
	File string `json:"file"`
	// SQL is the statements that are still to be run, with comments on those that cannot
	// be told.
	SQL string `json:"sql"`
	// Whole says that it is enough: no comment asks for a decision.
	Whole bool `json:"whole"`
	// Tried says that it was run on a clone of the database without its rows and led
	// there; Failed why it did not, "" where it was not tried.
	Tried  bool   `json:"tried"`
	Failed string `json:"failed,omitempty"`

	parts []scripted
	// complete says that the schema needs no more than it, whatever the rows do.
	complete bool
}

// scripted is a part of a script: a statement to run or, with a comment, one to decide on.
type scripted struct {
	sql     string
	comment string
	// setting is a statement that only sets something for those behind it.
	setting bool
}

// progress is how far a statement has come in the database.
type progress int

const (
	unknown progress = iota
	done
	toRun
	byHand
)

// makeScript takes from a played file the statements that are still to be run. ran says that
// it is the file that was under way: what stands behind a statement then stood before it.
// It is nil where there is no file, or nothing of it to run.
func (l *lens) makeScript(p *played, to int64, ran bool) *Script {
	if p == nil || p.look != statements {
		return nil
	}
	s := &Script{Version: to, File: p.file.FileName, Whole: true, complete: true}
	w := writer{lens: l, played: p, script: s, ran: ran}
	w.lines = w.timelines()
	all := w.progress()
	for i, st := range p.steps {
		w.write(i, st, all)
	}
	runs := slices.ContainsFunc(s.parts, func(part scripted) bool { return part.comment == "" && !part.setting })
	if !runs && s.Whole {
		return nil
	}
	s.SQL = s.text(runs && p.file.Transactional)
	return s
}

// writer makes one script.
type writer struct {
	*lens
	played *played
	script *Script
	ran    bool
	lines  map[pg.Key]*timeline
}

// write adds a statement to the script, or what is to be said of it.
func (w *writer) write(i int, s step, all []progress) {
	st := s.statement
	sql := st.Text
	if !st.HasRows {
		sql += ";"
	}
	switch {
	case s.failed != nil:
		w.script.complete = false
		w.say(fmt.Sprintf("line %d cannot be run as it is: %s", st.Line, s.failed.PgError.Message), sql)
	case s.skipped != "":
		w.say(fmt.Sprintf("line %d %s: whether it ran cannot be told", st.Line, s.skipped), sql)
	case st.ControlsTransaction():
		// The script has a transaction of its own, or none.
	case forSession(st):
		w.add(scripted{sql: sql, setting: true})
	case all[i] == toRun:
		w.clear(s)
		w.add(scripted{sql: sql})
	case all[i] == byHand:
		w.script.complete = false
		w.say(fmt.Sprintf("line %d: by hand, for %s", st.Line, w.mixed(s)), sql)
	case all[i] == unknown && mayChangeRows(st):
		w.say(fmt.Sprintf("line %d: whether it ran cannot be told from the schema; run it if it did not", st.Line), sql)
	}
}

func (w *writer) add(part scripted) { w.script.parts = append(w.script.parts, part) }

// say leaves a statement to whoever runs the script.
func (w *writer) say(comment, sql string) {
	w.script.Whole = false
	w.add(scripted{sql: sql, comment: comment})
}

// clear drops the INVALID index that the statement would make.
func (w *writer) clear(s step) {
	for _, c := range s.changes {
		v := w.in(w.target, c.Key)
		if _, ok := repaired(c.Key, v); ok && c.Op == pg.Added {
			drop := "DROP INDEX IF EXISTS "
			if !w.played.file.Transactional {
				drop = "DROP INDEX CONCURRENTLY IF EXISTS "
			}
			w.add(scripted{sql: drop + c.Name + ";"})
		}
	}
}

// mixed says what of a statement's work stands and what does not.
func (w *writer) mixed(s step) string {
	var there, not, other []string
	for _, c := range s.changes {
		t := w.lines[c.Key]
		switch {
		case t == nil || t.at == -2 || c.Op == pg.Removed && !asked(c, s):
		case t.at == -1:
			other = append(other, c.Key.String())
		case t.at > 0:
			there = append(there, c.Key.String())
		default:
			not = append(not, c.Key.String())
		}
	}
	var parts []string
	for _, group := range []struct {
		names []string
		what  string
	}{{there, "is done"}, {not, "is not"}, {other, "is otherwise"}} {
		if len(group.names) > 0 {
			parts = append(parts, several(group.names)+" "+group.what)
		}
	}
	return strings.Join(parts, ", ")
}

func several(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// text is the script as it would be fed to psql.
func (s *Script) text(whole bool) string {
	var b strings.Builder
	if whole {
		b.WriteString("BEGIN;\n")
	}
	for _, part := range s.parts {
		if part.comment == "" {
			b.WriteString(part.sql + "\n")
			continue
		}
		b.WriteString("-- " + part.comment + "\n")
		for _, line := range strings.Split(part.sql, "\n") {
			b.WriteString("--     " + line + "\n")
		}
	}
	if whole {
		b.WriteString("COMMIT;\n")
	}
	return b.String()
}
