package migrate

import "github.com/clipper/clipperops/internal/sqlscan"

// reader goes through a statement's tokens.
type reader struct {
	tokens []sqlscan.Token
	pos    int
}

func (r *reader) done() bool { return r.pos >= len(r.tokens) }

// at is the token n ahead, an empty one behind the end.
func (r *reader) at(n int) sqlscan.Token {
	if i := r.pos + n; i >= 0 && i < len(r.tokens) {
		return r.tokens[i]
	}
	return sqlscan.Token{}
}

// is reports whether the next tokens are these keywords.
func (r *reader) is(keywords ...string) bool {
	for i, k := range keywords {
		if !r.at(i).Is(k) {
			return false
		}
	}
	return true
}

// take goes past these keywords, if they come next.
func (r *reader) take(keywords ...string) bool {
	if !r.is(keywords...) {
		return false
	}
	r.pos += len(keywords)
	return true
}

// takeAny goes past any of these keywords, as often as they come.
func (r *reader) takeAny(keywords ...string) {
	for {
		before := r.pos
		for _, k := range keywords {
			r.take(k)
		}
		if r.pos == before {
			return
		}
	}
}

// seek goes behind the next of the keywords that stands outside parentheses.
func (r *reader) seek(keyword string) bool {
	for depth := 0; !r.done(); r.pos++ {
		switch t := r.at(0); {
		case t.IsPunct("("):
			depth++
		case t.IsPunct(")"):
			depth--
		case depth == 0 && t.Is(keyword):
			r.pos++
			return true
		}
	}
	return false
}

// word takes one identifier.
func (r *reader) word() (string, bool) {
	name := r.at(0).Name()
	if name == "" {
		return "", false
	}
	r.pos++
	return name, true
}

// name takes an identifier with up to two qualifiers; the database's is dropped.
func (r *reader) name() (Table, bool) {
	var parts []string
	for {
		part, ok := r.word()
		if !ok {
			break
		}
		parts = append(parts, part)
		if !r.at(0).IsPunct(".") {
			break
		}
		r.pos++
	}
	switch n := len(parts); n {
	case 0:
		return Table{}, false
	case 1:
		return Table{Name: parts[0]}, true
	default:
		return Table{Schema: parts[n-2], Name: parts[n-1]}, true
	}
}

// names takes names with commas between.
func (r *reader) names() []Table {
	var all []Table
	for {
		r.takeAny("ONLY")
		n, ok := r.name()
		if !ok {
			return all
		}
		all = append(all, n)
		if r.at(0).IsPunct("*") {
			r.pos++
		}
		if !r.at(0).IsPunct(",") {
			return all
		}
		r.pos++
	}
}

// skipParens goes past a parenthesis that comes next, and what is in it.
func (r *reader) skipParens() {
	depth := 0
	for !r.done() {
		switch t := r.at(0); {
		case t.IsPunct("("):
			depth++
		case t.IsPunct(")"):
			depth--
		}
		if depth == 0 && !r.at(0).IsPunct(")") {
			return
		}
		r.pos++
		if depth == 0 {
			return
		}
	}
}

// clauses cuts the rest at the commas outside parentheses.
func (r *reader) clauses() []*reader {
	var all []*reader
	start, depth := r.pos, 0
	for i := r.pos; i < len(r.tokens); i++ {
		switch t := r.tokens[i]; {
		case t.IsPunct("("), t.IsPunct("["):
			depth++
		case t.IsPunct(")"), t.IsPunct("]"):
			depth--
		case depth == 0 && t.IsPunct(","):
			all = append(all, &reader{tokens: r.tokens[start:i]})
			start = i + 1
		}
	}
	return append(all, &reader{tokens: r.tokens[start:]})
}
