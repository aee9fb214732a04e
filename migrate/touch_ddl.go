package migrate

import (
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// next goes past a token; it is true so that it can stand in a condition.
func (r *reader) next() bool {
	r.pos++
	return true
}

func (c *collector) create(r *reader) {
	temporary := false
	for r.take("OR", "REPLACE") || r.take("GLOBAL") || r.take("LOCAL") || r.take("UNLOGGED") || r.take("CONSTRAINT") ||
		r.take("RECURSIVE") || r.take("UNIQUE") || r.take("FOREIGN") || r.take("TRUSTED") {
	}
	for r.take("TEMP") || r.take("TEMPORARY") || r.take("RECURSIVE") {
		temporary = true
	}
	switch {
	case r.take("TABLE"):
		c.createTable(r, temporary)
	case r.take("INDEX"):
		c.createIndex(r)
	case r.take("TRIGGER"):
		if name, ok := r.word(); ok {
			c.t.TriggersCreated = append(c.t.TriggersCreated, name)
		}
		c.onTable(r)
	case r.take("POLICY"):
		c.onTable(r)
		if r.seek("TO") {
			c.rolesIn(r)
		}
	case r.take("RULE"):
		if r.seek("TO") {
			c.tableNext(r)
		}
	case r.take("FUNCTION"), r.take("PROCEDURE"):
		if name, ok := r.name(); ok {
			c.t.FunctionsCreated = append(c.t.FunctionsCreated, c.table(name))
		}
	case r.take("VIEW"), r.take("MATERIALIZED", "VIEW"):
		c.reads(r)
	case r.take("STATISTICS"):
		if r.seek("FROM") {
			c.tableNext(r)
		}
	default:
		c.createOther(r)
	}
}

// createOther are objects that are no relations.
func (c *collector) createOther(r *reader) {
	switch {
	case r.take("EXTENSION"):
		r.take("IF", "NOT", "EXISTS")
		if name, ok := r.word(); ok {
			c.t.Extensions = append(c.t.Extensions, name)
		}
	case r.is("USER", "MAPPING"):
	case r.take("ROLE"), r.take("USER"), r.take("GROUP"):
		if name, ok := r.word(); ok {
			c.roles = append(c.roles, name)
		}
	case r.take("SCHEMA"):
		if r.seek("AUTHORIZATION") {
			c.rolesIn(r)
		}
	case r.take("PUBLICATION"):
		if r.seek("TABLE") {
			for _, t := range r.names() {
				c.referenced(t)
			}
		}
	}
}

func (c *collector) createTable(r *reader, temporary bool) {
	r.take("IF", "NOT", "EXISTS")
	name, ok := r.name()
	if !ok {
		return
	}
	if r.take("PARTITION", "OF") {
		c.tableNext(r)
	}
	c.tableMade(name, temporary)
	c.references(r)
	c.reads(r)
}

// references notes what foreign keys, LIKE and INHERITS point to.
func (c *collector) references(r *reader) {
	for rest := *r; !rest.done(); {
		switch {
		case rest.take("REFERENCES"), rest.at(-1).IsPunct("(") && rest.take("LIKE"), rest.at(-1).IsPunct(",") && rest.take("LIKE"):
			if t, ok := rest.name(); ok {
				c.referenced(t)
			}
		case rest.is("INHERITS") && rest.at(1).IsPunct("("):
			rest.pos += 2
			for _, t := range rest.names() {
				c.referenced(t)
			}
		default:
			rest.pos++
		}
	}
}

func (c *collector) createIndex(r *reader) {
	r.take("CONCURRENTLY")
	r.take("IF", "NOT", "EXISTS")
	var index Table
	if !r.is("ON") {
		index, _ = r.name()
	}
	if !r.take("ON") {
		return
	}
	r.take("ONLY")
	on, ok := r.name()
	if !ok {
		return
	}
	c.altered(on)
	if index.Schema == "" {
		index.Schema = c.table(on).Schema
	}
	if index.Name == "" {
		index.Name = "on " + on.String()
	}
	c.t.IndexesCreated = append(c.t.IndexesCreated, index)
}

// onTable notes the table behind ON.
func (c *collector) onTable(r *reader) {
	if r.seek("ON") {
		c.tableNext(r)
	}
}

func (c *collector) tableNext(r *reader) {
	r.take("ONLY")
	if t, ok := r.name(); ok {
		c.altered(t)
	}
}

func (c *collector) drop(r *reader, st sqlscan.Statement) {
	cascades := st.Tokens[len(st.Tokens)-1].Is("CASCADE")
	switch {
	case r.take("TABLE"), r.take("FOREIGN", "TABLE"):
		r.take("IF", "EXISTS")
		for _, t := range r.names() {
			c.dropped(t)
		}
		return
	case r.take("INDEX"):
		r.take("CONCURRENTLY")
		r.take("IF", "EXISTS")
		for _, t := range r.names() {
			c.t.IndexesDropped = append(c.t.IndexesDropped, c.table(t))
		}
	case r.is("TRIGGER"), r.is("POLICY"), r.is("RULE"):
		c.onTable(r)
		return
	case r.take("OWNED", "BY"):
		c.rolesIn(r)
		c.opaque(st, "DROP OWNED")
		return
	}
	if cascades {
		c.opaque(st, strings.Join(st.Words[:min(2, len(st.Words))], " ")+" … CASCADE")
	}
}

func (c *collector) comment(r *reader) {
	switch {
	case r.take("TABLE"):
		if t, ok := r.name(); ok {
			c.referenced(t)
		}
	case r.take("COLUMN"):
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
		if n := len(parts); n >= 2 {
			t := Table{Name: parts[n-2]}
			if n >= 3 {
				t.Schema = parts[n-3]
			}
			c.referenced(t)
		}
	}
}

// grant notes the roles, and the tables when it is about tables.
func (c *collector) grant(r *reader) {
	end := len(r.tokens)
	for i := r.pos; i < end; i++ {
		if r.tokens[i].Is("TO") || r.tokens[i].Is("FROM") {
			end = i
		}
	}
	what := &reader{tokens: r.tokens[:end], pos: r.pos}
	if what.take("GRANT", "OPTION", "FOR") || what.take("ADMIN", "OPTION", "FOR") {
		r.pos = what.pos
	}
	if on := *what; on.seek("ON") {
		c.grantedTables(&on)
	} else {
		c.rolesIn(what) // GRANT role TO role
	}
	r.pos = end + 1
	c.rolesIn(r)
}

func (c *collector) grantedTables(r *reader) {
	for _, kind := range []string{
		"SEQUENCE", "DATABASE", "DOMAIN", "FOREIGN", "FUNCTION", "LANGUAGE", "LARGE",
		"PROCEDURE", "ROUTINE", "SCHEMA", "TABLESPACE", "TYPE", "ALL", "PARAMETER",
	} {
		if r.is(kind) && (r.at(1).Name() != "" || kind == "ALL") {
			return
		}
	}
	r.take("TABLE")
	for _, t := range r.names() {
		c.referenced(t)
	}
}
