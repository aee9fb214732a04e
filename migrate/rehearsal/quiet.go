package rehearsal

import (
	"slices"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// quiet reports whether a statement only makes a function, or only adds to a table that its
// own file made: an index or a comment. Nobody sees the table before the commit, so that there is nothing to see
// which the next statement would not show as well. Files that make a schema from nothing
// are full of such statements.
func (m *meter) quiet(st sqlscan.Statement) bool {
	if st.Begins("CREATE", "FUNCTION") || st.Begins("CREATE", "OR", "REPLACE", "FUNCTION") || st.Begins("DROP", "FUNCTION") && !phrase(st.Tokens).has("CASCADE") {
		return true
	}
	if len(m.work.made) == 0 {
		return false
	}
	p := phrase(st.Tokens)
	switch {
	case p.take("COMMENT", "ON", "TABLE"):
		return m.madeHere(p.names())
	case p.take("COMMENT", "ON", "COLUMN"):
		names := p.names()
		return len(names) > 1 && m.madeHere(names[:len(names)-1])
	case !p.take("CREATE"):
		return false
	}
	p.take("UNIQUE")
	on := p.index("ON")
	if !p.begins("INDEX") || on < 0 {
		return false
	}
	p = p[on+1:]
	p.take("ONLY")
	return m.madeHere(p.names())
}

// names takes a name apart at its dots.
func (p phrase) names() []string {
	var parts []string
	for p.at(0).Name() != "" {
		parts = append(parts, p.at(0).Name())
		if !p.at(1).IsPunct(".") {
			break
		}
		p = p[2:]
	}
	return parts
}

// madeHere reports whether the name can only be that of a table the file made.
func (m *meter) madeHere(names []string) bool {
	if len(names) == 0 {
		return false
	}
	name := names[len(names)-1]
	if !slices.Contains(m.work.made, name) {
		return false
	}
	for _, e := range m.work.before {
		if e.Name == name {
			return false
		}
	}
	return true
}
