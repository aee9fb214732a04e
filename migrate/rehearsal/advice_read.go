package rehearsal

import (
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// command is a statement taken apart as far as advice needs it, together with what was
// measured of it.
type command struct {
	tokens []sqlscan.Token
	// target is what the statement is about, as the file names it.
	target string
	// actions are those of an ALTER TABLE.
	actions []phrase
	// partitioned says that the table is only the parent of others.
	partitioned bool
	// rewrote, read and built say whether relations that were there before were.
	rewrote, read, built bool
	// beside says that the file locks a table for its definition as well.
	beside bool
	// keys are the foreign keys there were before the plan.
	keys []foreignKey
}

// command is readCommand with what is known of the schema before the plan.
func (o *Outcome) command(f *File, s *Statement) *command {
	c := readCommand(f, s)
	c.keys = o.foreignKeys()
	return c
}

// readCommand takes a measured statement of the file apart. Text that is no SQL gives a
// command without tokens, which no advice fits.
func readCommand(f *File, s *Statement) *command {
	c := &command{rewrote: len(s.Rewritten) > 0, read: len(s.Scanned) > 0, built: len(s.Built) > 0}
	statements, err := sqlscan.Split(s.Text)
	if err != nil || len(statements) == 0 {
		return c
	}
	c.tokens = statements[0].Tokens
	if f != nil {
		c.partitioned = slices.ContainsFunc(f.Locks, func(l Lock) bool {
			return l.Relation.Kind == "partitioned table" && !l.Relation.New && c.names(l.Relation)
		})
	}
	if p := c.phrase(); p.take("ALTER", "TABLE") {
		p.takeAny("IF", "EXISTS", "ONLY")
		c.target = p.name()
		if p.at(0).IsPunct("*") {
			p = p[1:]
		}
		c.actions = p.parts()
	}
	return c
}

// names reports whether the statement says the relation's name.
func (c *command) names(r Relation) bool {
	return slices.ContainsFunc(c.tokens, func(t sqlscan.Token) bool { return t.Name() == r.Name })
}

// phrase is the whole statement.
func (c *command) phrase() phrase { return c.tokens }

// phrase is a row of tokens that is read from its front.
type phrase []sqlscan.Token

func (p phrase) at(n int) sqlscan.Token {
	if n < len(p) {
		return p[n]
	}
	return sqlscan.Token{}
}

// begins reports whether the phrase begins with these keywords.
func (p phrase) begins(keywords ...string) bool {
	for i, k := range keywords {
		if !p.at(i).Is(k) {
			return false
		}
	}
	return true
}

// take goes past these keywords, if they come next.
func (p *phrase) take(keywords ...string) bool {
	if !p.begins(keywords...) {
		return false
	}
	*p = (*p)[len(keywords):]
	return true
}

// takeAny goes past any of these keywords, as often as they come.
func (p *phrase) takeAny(keywords ...string) {
	for again := true; again; {
		again = false
		for _, k := range keywords {
			again = p.take(k) || again
		}
	}
}

// name takes a name with its qualifiers, as it is written; "" when none comes next.
func (p *phrase) name() string {
	var b strings.Builder
	for p.at(0).Name() != "" {
		b.WriteString(p.at(0).Text)
		if !p.at(1).IsPunct(".") {
			*p = (*p)[1:]
			break
		}
		b.WriteByte('.')
		*p = (*p)[2:]
	}
	return b.String()
}

// index is the place of the first of the keywords in a row outside parentheses, -1 for none.
func (p phrase) index(keywords ...string) int {
	depth := 0
	for i, t := range p {
		switch {
		case t.IsPunct("("), t.IsPunct("["):
			depth++
		case t.IsPunct(")"), t.IsPunct("]"):
			depth--
		case depth == 0 && p[i:].begins(keywords...):
			return i
		}
	}
	return -1
}

// has reports whether the keywords stand in a row outside parentheses.
func (p phrase) has(keywords ...string) bool { return p.index(keywords...) >= 0 }

// hasAnywhere also looks into parentheses.
func (p phrase) hasAnywhere(keywords ...string) bool {
	for i := range p {
		if p[i:].begins(keywords...) {
			return true
		}
	}
	return false
}

// parts cuts at the commas outside parentheses.
func (p phrase) parts() []phrase {
	var all []phrase
	start, depth := 0, 0
	for i, t := range p {
		switch {
		case t.IsPunct("("), t.IsPunct("["):
			depth++
		case t.IsPunct(")"), t.IsPunct("]"):
			depth--
		case depth == 0 && t.IsPunct(","):
			all = append(all, p[start:i])
			start = i + 1
		}
	}
	return append(all, p[start:])
}

// parenthesis takes the parenthesis that comes next, with what is in it.
func (p *phrase) parenthesis() phrase {
	if !p.at(0).IsPunct("(") {
		return nil
	}
	depth := 0
	for i, t := range *p {
		switch {
		case t.IsPunct("("):
			depth++
		case t.IsPunct(")"):
			depth--
		}
		if depth == 0 {
			whole := (*p)[:i+1]
			*p = (*p)[i+1:]
			return whole
		}
	}
	return nil
}

// String is the phrase in one line, without comments.
func (p phrase) String() string {
	var b strings.Builder
	for i, t := range p {
		if i > 0 && t.Start > p[i-1].End() {
			b.WriteByte(' ')
		}
		b.WriteString(t.Text)
	}
	return b.String()
}

// with is the phrase with words put in before its n-th token.
func (p phrase) with(n int, words string) string {
	return strings.TrimSpace(p[:n].String() + " " + words + " " + p[n:].String())
}

// plain is the last part of a name without quotes, fit to make other names of.
func plain(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.Trim(name, `"`)
}

// isNamed reports whether name, as it stands in a file, can be the relation's.
func isNamed(r Relation, name string) bool {
	name = folded(name)
	return name == r.Name || name == r.qualified()
}

// folded is a name as the server knows it: words in lower case, quotes taken off.
func folded(name string) string {
	if !strings.Contains(name, `"`) {
		return strings.ToLower(name)
	}
	tokens, err := sqlscan.Split(name)
	if err != nil || len(tokens) == 0 {
		return name
	}
	var parts []string
	for _, t := range tokens[0].Tokens {
		if part := t.Name(); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ".")
}
