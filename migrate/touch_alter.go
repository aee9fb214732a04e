package migrate

func (c *collector) alter(r *reader) {
	switch {
	case r.take("TABLE"), r.take("FOREIGN", "TABLE"):
		c.alterTable(r)
	case r.is("TRIGGER"), r.is("POLICY"), r.is("RULE"):
		c.onTable(r)
	case r.take("DEFAULT", "PRIVILEGES"):
		c.defaultPrivileges(r)
	case r.take("ROLE"), r.take("USER"), r.take("GROUP"):
		if !r.is("MAPPING") {
			c.rolesIn(r)
		}
	default:
		c.owners(r)
	}
}

func (c *collector) defaultPrivileges(r *reader) {
	if r.take("FOR", "ROLE") || r.take("FOR", "USER") {
		c.rolesIn(r)
	}
	if r.seek("TO") {
		c.rolesIn(r)
	}
}

func (c *collector) alterTable(r *reader) {
	r.take("IF", "EXISTS")
	r.take("ONLY")
	if r.is("ALL", "IN", "TABLESPACE") {
		return
	}
	table, ok := r.name()
	if !ok {
		return
	}
	if r.at(0).IsPunct("*") {
		r.pos++
	}
	c.altered(table)
	c.references(r)
	c.owners(r)
	for _, action := range r.clauses() {
		c.tableAction(table, action)
	}
}

// tableAction is one action of an ALTER TABLE.
func (c *collector) tableAction(table Table, r *reader) {
	switch {
	case r.take("DROP"):
		if r.take("CONSTRAINT") {
			return
		}
		r.take("COLUMN")
		r.take("IF", "EXISTS")
		if name, ok := r.word(); ok {
			c.column(&c.t.ColumnsDropped, table, name)
		}
	case r.take("ALTER"):
		if r.take("CONSTRAINT") {
			return
		}
		r.take("COLUMN")
		name, ok := r.word()
		if ok && (r.take("TYPE") || r.take("SET", "DATA", "TYPE")) {
			c.column(&c.t.ColumnsRetyped, table, name)
		}
	case r.take("RENAME", "TO"):
		if name, ok := r.word(); ok {
			c.renamed(table, Table{Schema: table.Schema, Name: name})
		}
	case r.take("SET", "SCHEMA"):
		if name, ok := r.word(); ok {
			c.renamed(table, Table{Schema: name, Name: table.Name})
		}
	case r.take("ATTACH", "PARTITION"), r.take("DETACH", "PARTITION"), r.take("INHERIT"), r.take("NO", "INHERIT"):
		if other, ok := r.name(); ok {
			c.altered(other)
		}
	}
}

// renamed keeps the table's first name, by which the database knows it before
// the plan has run; one that is made here takes the new name.
func (c *collector) renamed(from, to Table) {
	old := c.table(from)
	if to.Schema == "" {
		to.Schema = c.schema
	}
	for _, list := range []*[]Table{&c.made, &c.t.Created} {
		for i, t := range *list {
			if sameTable(t) == sameTable(old) {
				(*list)[i] = to
			}
		}
	}
	if !has(c.made, to) {
		c.called[sameTable(to)] = sameTable(old)
	}
}
