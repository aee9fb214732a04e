package rehearsal

import (
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sqlscan"
)

// rowChange is what a statement does to rows that are there, as its text says.
type rowChange struct {
	// table is its name as the text has it.
	table string
	// verb is UPDATE, DELETE, MERGE, TRUNCATE or INSERT.
	verb string
	// conflict says of an INSERT that it changes the rows that are there already: ON
	// CONFLICT DO UPDATE.
	conflict bool
	// deletes says of a MERGE that it can do that as well.
	deletes bool
	// columns are those that are set, nil where they are not known.
	columns []string
}

// removes reports whether rows go.
func (c rowChange) removes() bool {
	return c.verb == "DELETE" || c.verb == "TRUNCATE" || c.verb == "MERGE" && c.deletes
}

// onlyAdds reports whether the rows that are there stay as they are.
func (c rowChange) onlyAdds() bool { return c.verb == "INSERT" && !c.conflict }

// changesAnywhere finds what the tokens say of rows, wherever it stands.
func changesAnywhere(tokens phrase) []rowChange {
	var all []rowChange
	for i := range tokens {
		p := tokens[i:]
		c := rowChange{verb: strings.ToUpper(p.at(0).Text)}
		switch {
		case p.take("DELETE", "FROM"), p.take("MERGE", "INTO"), p.take("INSERT", "INTO"):
		case p.begins("UPDATE") && (i == 0 || !isOneOf(tokens[i-1], "FOR", "DO", "KEY", "ON", "OF", "OR", "BEFORE", "AFTER")):
			p.take("UPDATE")
		case p.begins("TRUNCATE") && (i == 0 || !isOneOf(tokens[i-1], "OR", "BEFORE", "AFTER")):
			all = append(all, truncated(p[1:])...)
			continue
		default:
			continue
		}
		p.take("ONLY")
		if p.begins("ON") || p.begins("SET") { // GRANT UPDATE ON, DO UPDATE SET
			continue
		}
		if c.table = p.name(); c.table == "" {
			continue
		}
		switch c.verb {
		case "UPDATE":
			c.columns = columnsSet(p)
		case "MERGE":
			c.deletes = p.hasAnywhere("THEN", "DELETE")
		case "INSERT":
			c.conflict = p.hasAnywhere("DO", "UPDATE")
		}
		all = append(all, c)
	}
	return all
}

// truncated are the tables of a TRUNCATE.
func truncated(p phrase) []rowChange {
	var all []rowChange
	p.take("TABLE")
	for {
		p.take("ONLY")
		if p.begins("ON") { // GRANT TRUNCATE ON
			return all
		}
		name := p.name()
		if name == "" {
			return all
		}
		all = append(all, rowChange{table: name, verb: "TRUNCATE"})
		if p.at(0).IsPunct("*") {
			p = p[1:]
		}
		if !p.at(0).IsPunct(",") {
			return all
		}
		p = p[1:]
	}
}

// columnsSet are the columns of an UPDATE, which stands behind its table's name; nil where
// they cannot be read.
func columnsSet(p phrase) []string {
	at := p.index("SET")
	if at < 0 {
		return nil
	}
	p = p[at+1:]
	for _, end := range []string{"WHERE", "RETURNING", "FROM"} {
		for from := 0; ; {
			i := p[from:].index(end)
			if i < 0 {
				break
			}
			if i += from; !p.at(i - 1).Is("DISTINCT") { // IS DISTINCT FROM
				p = p[:i]
				break
			}
			from = i + 1
		}
	}
	var columns []string
	for _, part := range p.parts() {
		if list := part.parenthesis(); list != nil {
			for _, t := range list {
				if t.Name() != "" {
					columns = append(columns, t.Name())
				}
			}
			continue
		}
		name := part.at(0).Name()
		if name == "" {
			return nil
		}
		columns = append(columns, name)
	}
	return columns
}

// runs are the words a statement begins with that can change rows, by itself or by what
// it calls. To define a function, a trigger or a rule changes none.
var runs = []string{"UPDATE", "DELETE", "MERGE", "INSERT", "WITH", "TRUNCATE", "DO", "SELECT", "CALL", "VALUES", "TABLE"}

// rowChangesOf is what the statement says of rows, in the code of a DO block and of the
// functions it calls as well.
func rowChangesOf(tokens phrase, functions map[string][]string) []rowChange {
	if len(tokens) == 0 || !isOneOf(tokens[0], runs...) {
		return nil
	}
	r := rowReader{code: functions, seen: map[string]bool{}}
	r.read(tokens, tokens.begins("DO"))
	return r.found
}

// rowReader goes from a statement into the code it runs.
type rowReader struct {
	// code is that of the functions by their names, seen are those that were read.
	code  map[string][]string
	seen  map[string]bool
	found []rowChange
}

// read goes through tokens; intoStrings says that strings are code, as those of DO and
// EXECUTE are.
func (r *rowReader) read(tokens phrase, intoStrings bool) {
	r.found = append(r.found, changesAnywhere(tokens)...)
	for i, t := range tokens {
		switch name := t.Name(); {
		case t.Kind == sqlscan.String && intoStrings:
			if code, plain := t.Value(); plain {
				r.readCode(code)
			}
		case name != "" && i+1 < len(tokens) && tokens[i+1].IsPunct("(") && !r.seen[name]:
			r.seen[name] = true
			for _, body := range r.code[name] {
				r.readCode(body)
			}
		}
	}
}

func (r *rowReader) readCode(code string) {
	statements, err := sqlscan.Split(code)
	if err != nil {
		return
	}
	for _, st := range statements {
		r.read(st.Tokens, phrase(st.Tokens).hasAnywhere("EXECUTE"))
	}
}

// codeOfFunctions is the code of those there were before the plan and of those it makes,
// by their names.
func (o *Outcome) codeOfFunctions() map[string][]string {
	all := map[string][]string{}
	add := func(text string) {
		if name, body := functionMade(text); body != "" {
			all[name] = append(all[name], body)
		}
	}
	if o.Before != nil {
		for _, object := range o.Before.Objects {
			if object.Kind == pg.KindFunction || object.Kind == pg.KindProcedure {
				add(object.Definition)
			}
		}
	}
	o.each(func(_ *File, s *Statement) { add(s.Text) })
	return all
}

// functionMade is the name without its schema of the function that the text makes, and its
// code; "" for none.
func functionMade(text string) (name, code string) {
	if head := strings.TrimSpace(text); len(head) < len("CREATE") || !strings.EqualFold(head[:len("CREATE")], "CREATE") {
		return "", ""
	}
	statements, err := sqlscan.Split(text)
	if err != nil || len(statements) == 0 {
		return "", ""
	}
	whole := phrase(statements[0].Tokens)
	p := whole
	p.take("CREATE")
	p.take("OR", "REPLACE")
	if !p.take("FUNCTION") && !p.take("PROCEDURE") {
		return "", ""
	}
	names := p.names()
	if len(names) == 0 {
		return "", ""
	}
	name = names[len(names)-1]
	for i, t := range whole {
		body, plain := t.Value()
		switch {
		case plain && whole[i-1].Is("AS"):
			return name, body
		case t.Is("BEGIN") && whole[i:].begins("BEGIN", "ATOMIC"), t.Is("RETURN"):
			return name, strings.TrimPrefix(whole[i:].String(), "BEGIN ATOMIC ")
		}
	}
	return name, ""
}
