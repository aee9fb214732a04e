package migrate

import (
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// collector gathers what statements touch, in their order, so that what an
// earlier one made is known to a later one.
type collector struct {
	t Touched

	fileName string
	schema   string // what SET search_path names first, "" when unset
	made     []Table
	roles    []string          // created here
	called   map[string]string // new name of a renamed table → the one it had
}

func newCollector() *collector { return &collector{called: map[string]string{}} }

func (c *collector) file(f File) {
	c.fileName, c.schema = f.FileName, ""
	for _, st := range f.Statements {
		c.statement(st)
	}
}

func (c *collector) statement(st sqlscan.Statement) {
	r := &reader{tokens: st.Tokens}
	switch {
	case r.take("CREATE"):
		c.create(r)
	case r.take("ALTER"):
		c.alter(r)
	case r.take("DROP"):
		c.drop(r, st)
	case r.take("GRANT"), r.take("REVOKE"):
		c.grant(r)
	case r.take("COMMENT", "ON"):
		c.comment(r)
	case r.take("SET"), r.take("RESET"):
		c.set(r)
	case r.is("DO"), r.is("CALL"), r.is("EXECUTE"), r.is("IMPORT"):
		c.opaque(st, r.at(0).Text)
	case r.take("REASSIGN", "OWNED", "BY"):
		c.opaque(st, "REASSIGN OWNED")
		c.rolesIn(r)
		if r.take("TO") {
			c.rolesIn(r)
		}
	case r.is("EXPLAIN"), r.is("SHOW"), r.is("PREPARE"):
	default:
		c.rows(r, st)
	}
}

// table is the name with the schema a SET search_path gives it, and with the
// name it had before a rename.
func (c *collector) table(t Table) Table {
	if t.Schema == "" {
		t.Schema = c.schema
	}
	if old, ok := c.called[sameTable(t)]; ok {
		schema, name, _ := strings.Cut(old, ".")
		if t.Schema == "" {
			schema = ""
		}
		return Table{Schema: schema, Name: name}
	}
	return t
}

// sameTable is equal for names of one table: without a schema it is taken to be
// in public.
func sameTable(t Table) string {
	if t.Schema == "" {
		t.Schema = "public"
	}
	return t.String()
}

func has(list []Table, t Table) bool {
	return slices.ContainsFunc(list, func(o Table) bool { return sameTable(o) == sameTable(t) })
}

// add notes a table unless it was made here or is noted already.
func (c *collector) add(list *[]Table, t Table) {
	t = c.table(t)
	if !has(c.made, t) && !has(*list, t) {
		*list = append(*list, t)
	}
}

func (c *collector) tableMade(t Table, temporary bool) {
	t = c.table(t)
	c.made = append(c.made, t)
	if !temporary && !has(c.t.Created, t) {
		c.t.Created = append(c.t.Created, t)
	}
}

func (c *collector) altered(t Table) { c.add(&c.t.Altered, t) }

func (c *collector) written(t Table) {
	c.add(&c.t.Altered, t)
	c.add(&c.t.Written, t)
}

func (c *collector) referenced(t Table) { c.add(&c.t.Referenced, t) }

func (c *collector) dropped(t Table) {
	t = c.table(t)
	i := slices.IndexFunc(c.made, func(o Table) bool { return sameTable(o) == sameTable(t) })
	if i < 0 {
		c.add(&c.t.Dropped, t)
		return
	}
	// Made and dropped by the same files: it was never there.
	c.made = slices.Delete(c.made, i, i+1)
	c.t.Created = slices.DeleteFunc(c.t.Created, func(o Table) bool { return sameTable(o) == sameTable(t) })
}

func (c *collector) column(list *[]Column, t Table, name string) {
	col := Column{Table: c.table(t), Name: name}
	if !has(c.made, col.Table) && !slices.Contains(*list, col) {
		*list = append(*list, col)
	}
}

func (c *collector) opaque(st sqlscan.Statement, what string) {
	c.t.Opaque = append(c.t.Opaque, OpaqueStatement{File: c.fileName, Line: st.Line, What: strings.ToUpper(what[:1]) + what[1:]})
}

// role notes a role that must exist.
func (c *collector) role(name string) {
	if !slices.Contains(c.roles, name) && !slices.Contains(c.t.Roles, name) {
		c.t.Roles = append(c.t.Roles, name)
	}
}

// rolesIn takes roles with commas between.
func (c *collector) rolesIn(r *reader) {
	for {
		r.take("GROUP")
		quoted := r.at(0).Kind == sqlscan.QuotedIdentifier
		name, ok := r.word()
		if !ok {
			return
		}
		switch name {
		case "public", "current_user", "session_user", "current_role", "none", "default", "all":
			if quoted {
				c.role(name)
			}
		default:
			c.role(name)
		}
		if !r.at(0).IsPunct(",") {
			return
		}
		r.pos++
	}
}

// owners finds OWNER TO wherever it stands.
func (c *collector) owners(r *reader) {
	for rest := *r; !rest.done(); rest.pos++ {
		if rest.take("OWNER", "TO") {
			c.rolesIn(&rest)
		}
	}
}

// set follows search_path, and notes roles.
func (c *collector) set(r *reader) {
	r.takeAny("LOCAL", "SESSION")
	switch {
	case r.take("ROLE"), r.take("AUTHORIZATION"):
		c.rolesIn(r)
	case r.take("SEARCH_PATH"):
		c.schema = ""
		if r.take("TO") || r.at(0).IsPunct("=") && r.next() {
			t := r.at(0)
			c.schema = t.Name()
			if value, ok := t.Value(); ok {
				c.schema = value
			}
		}
		if c.schema == "default" || c.schema == "$user" {
			c.schema = ""
		}
	}
}
