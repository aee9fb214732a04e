package rehearsal

import (
	"fmt"
	"strings"
)

// constraint is one that an ALTER TABLE adds.
type constraint struct {
	// name is "" where the server finds one.
	name string
	// body is what stands behind the name.
	body phrase
	// column is the column that is added with it, "" when the constraint stands alone.
	column string
}

// constraintsOf reads the constraints of that kind in an action: those that stand alone
// and those of a column it adds.
func constraintOf(action phrase, kind ...string) (constraint, bool) {
	if column, ok := addedColumn(action); ok {
		at := column.rest.index(kind...)
		if at < 0 {
			return constraint{}, false
		}
		k := constraint{column: column.name, body: column.rest[at:]}
		if at >= 2 && column.rest[at-2].Is("CONSTRAINT") {
			k.name = column.rest[at-1].Text
		}
		return k, true
	}
	if !action.take("ADD") {
		return constraint{}, false
	}
	var k constraint
	if action.take("CONSTRAINT") {
		k.name = action.name()
	}
	k.body = action
	return k, action.begins(kind...)
}

// laterValid is the safe form of a constraint that can be NOT VALID at first.
func laterValid(c *command, k constraint, otherwise string) string {
	name := k.name
	if name == "" {
		name = plain(c.target) + "_" + otherwise
	}
	return fmt.Sprintf("ALTER TABLE %[1]s ADD CONSTRAINT %[2]s %[3]s NOT VALID; in a later file: ALTER TABLE %[1]s VALIDATE CONSTRAINT %[2]s", c.target, name, k.body)
}

func addCheck(c *command) string {
	for _, action := range c.actions {
		k, ok := constraintOf(action, "CHECK")
		if !ok || k.body.has("NOT", "VALID") || !c.read {
			continue
		}
		if k.column == "" {
			return laterValid(c, k, "check")
		}
		body := k.body[1:]
		k.body = k.body[:1+len(body.parenthesis())]
		return "the column without it; then " + laterValid(c, k, plain(k.column)+"_check")
	}
	return ""
}

func addForeignKey(c *command) string {
	for _, action := range c.actions {
		if k, ok := constraintOf(action, "FOREIGN", "KEY"); ok && k.column == "" && !k.body.has("NOT", "VALID") {
			if c.partitioned {
				return "for each partition: ADD CONSTRAINT … FOREIGN KEY … NOT VALID, then VALIDATE CONSTRAINT in a later file; then the same on " + c.target
			}
			columns := k.body[2:]
			return laterValid(c, k, strings.Join(names(columns.parenthesis()), "_")+"_fkey")
		}
		if k, ok := constraintOf(action, "REFERENCES"); ok && k.column != "" && c.read {
			refers := constraint{name: k.name, body: k.body}
			name := k.name
			if name == "" {
				name = plain(c.target) + "_" + plain(k.column) + "_fkey"
			}
			return fmt.Sprintf("the column without it; then ALTER TABLE %[1]s ADD CONSTRAINT %[2]s FOREIGN KEY (%[3]s) %[4]s NOT VALID; in a later file: ALTER TABLE %[1]s VALIDATE CONSTRAINT %[2]s",
				c.target, name, k.column, refers.body)
		}
	}
	return ""
}

// names are the names in a parenthesis.
func names(p phrase) []string {
	var all []string
	for _, t := range p {
		if t.Name() != "" {
			all = append(all, plain(t.Text))
		}
	}
	return all
}

func tableReferring(c *command) string {
	p := c.phrase()
	if !p.take("CREATE") || p.begins("TEMP") || p.begins("TEMPORARY") {
		return ""
	}
	p.take("UNLOGGED")
	if !p.take("TABLE") || !p.hasAnywhere("REFERENCES") {
		return ""
	}
	p.take("IF", "NOT", "EXISTS")
	return fmt.Sprintf("nothing slow in the same file; or the keys in a later file: ALTER TABLE %s ADD CONSTRAINT … FOREIGN KEY … NOT VALID, then VALIDATE CONSTRAINT", p.name())
}

func addUnique(c *command) string {
	for _, action := range c.actions {
		kind, suffix := "UNIQUE", "_key"
		k, ok := constraintOf(action, "UNIQUE")
		if !ok {
			kind, suffix = "PRIMARY KEY", "_pkey"
			k, ok = constraintOf(action, "PRIMARY", "KEY")
		}
		switch {
		case !ok, k.body.has("USING", "INDEX"):
			continue
		case c.partitioned:
			return "there is none for a partitioned table in use: plan a window"
		}
		columns := []string{plain(k.column)}
		list, behind := "("+k.column+")", ""
		if k.column == "" {
			columns, list, behind = keyOf(k.body[strings.Count(kind, " ")+1:])
		}
		name := k.name
		switch {
		case name != "":
		case kind == "UNIQUE":
			name = plain(c.target) + "_" + strings.Join(columns, "_") + suffix
		default:
			name = plain(c.target) + suffix
		}
		safe := fmt.Sprintf("CREATE UNIQUE INDEX CONCURRENTLY %[1]s ON %[2]s %[3]s, alone in its file; then ALTER TABLE %[2]s ADD CONSTRAINT %[1]s %[4]s USING INDEX %[1]s%[5]s",
			name, c.target, list, kind, behind)
		if k.column != "" {
			safe = "the column without it; then " + safe
		}
		return safe
	}
	return ""
}

// keyOf takes apart what stands behind UNIQUE or PRIMARY KEY: the columns, what an index
// on them is called with, and what stays with the constraint.
func keyOf(p phrase) (columns []string, index, behind string) {
	var nulls string
	if p.take("NULLS", "NOT", "DISTINCT") {
		nulls = " NULLS NOT DISTINCT"
	}
	p.take("NULLS", "DISTINCT")
	list := p.parenthesis()
	columns, index = names(list), list.String()
	if p.take("INCLUDE") {
		index += " INCLUDE " + p.parenthesis().String()
	}
	if p.take("WITH") {
		nulls += " WITH " + p.parenthesis().String()
	}
	if len(p) > 0 {
		behind = " " + p.String()
	}
	return columns, index + nulls, behind
}

func addExclude(c *command) string {
	for _, action := range c.actions {
		if _, ok := constraintOf(action, "EXCLUDE"); ok {
			return "there is none while the table is in use: plan a window"
		}
	}
	return ""
}

func domainConstraint(c *command) string {
	p := c.phrase()
	if !p.take("ALTER", "DOMAIN") {
		return ""
	}
	domain := p.name()
	if p.begins("SET", "NOT", "NULL") || p.begins("ADD") && !p.has("NOT", "VALID") {
		return fmt.Sprintf("a CHECK on the columns of type %s instead, NOT VALID at first and VALIDATE CONSTRAINT in a later file", domain)
	}
	return ""
}
