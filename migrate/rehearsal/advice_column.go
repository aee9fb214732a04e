package rehearsal

import (
	"fmt"
	"strings"
)

// newColumn is a column that an ALTER TABLE adds.
type newColumn struct {
	name, kind string
	// rest is what stands behind the type.
	rest phrase
}

// columnWords are keywords that end a column's type.
var columnWords = []string{
	"DEFAULT", "NOT", "NULL", "GENERATED", "CONSTRAINT", "CHECK", "REFERENCES", "UNIQUE", "PRIMARY", "COLLATE", "STORAGE", "COMPRESSION",
}

// addedColumn reads the action ADD COLUMN.
func addedColumn(p phrase) (newColumn, bool) {
	if !p.take("ADD") {
		return newColumn{}, false
	}
	for _, constraint := range []string{"CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"} {
		if p.begins(constraint) {
			return newColumn{}, false
		}
	}
	p.take("COLUMN")
	p.take("IF", "NOT", "EXISTS")
	c := newColumn{name: p.name()}
	end := len(p)
	for _, word := range columnWords {
		if i := p.index(word); i >= 0 {
			end = min(end, i)
		}
	}
	c.kind, c.rest = p[:end].String(), p[end:]
	return c, c.name != ""
}

// clause is what follows a keyword up to the next that begins something else.
func (c newColumn) clause(keyword string) string {
	at := c.rest.index(keyword)
	if at < 0 {
		return ""
	}
	after := c.rest[at+1:]
	end := len(after)
	for _, word := range columnWords {
		if i := after.index(word); i > 0 { // DEFAULT NULL is a default
			end = min(end, i)
		}
	}
	return after[:end].String()
}

// serials are the types that stand for a sequence, and what they really are.
var serials = map[string]string{
	"smallserial": "smallint", "serial2": "smallint", "serial": "integer", "serial4": "integer", "bigserial": "bigint", "serial8": "bigint",
}

// fills reports whether the server makes the column's values by itself.
func (c newColumn) fills() bool {
	return serials[strings.ToLower(c.kind)] != "" || c.rest.has("GENERATED")
}

func addGenerated(c *command) string {
	for _, action := range c.actions {
		column, ok := addedColumn(action)
		if !ok || !c.rewrote || !column.fills() {
			continue
		}
		add := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s ", c.target, column.name)
		switch kind := serials[strings.ToLower(column.kind)]; {
		case kind != "":
			sequence := plain(c.target) + "_" + plain(column.name) + "_seq"
			return fmt.Sprintf("CREATE SEQUENCE %[1]s; %[2]s%[3]s; ALTER TABLE %[4]s ALTER COLUMN %[5]s SET DEFAULT nextval('%[1]s'); then fill the old rows in batches",
				sequence, add, kind, c.target, column.name)
		case column.rest.has("IDENTITY"):
			return add + column.kind + "; fill it in batches from a sequence; then ALTER COLUMN " + column.name + " ADD GENERATED … AS IDENTITY"
		}
		return add + column.kind + "; keep it by a trigger, and fill the old rows in batches"
	}
	return ""
}

func addVolatile(c *command) string {
	for _, action := range c.actions {
		column, ok := addedColumn(action)
		value := column.clause("DEFAULT")
		if !ok || !c.rewrote || column.fills() || value == "" {
			continue
		}
		safe := fmt.Sprintf("ALTER TABLE %[1]s ADD COLUMN %[2]s %[3]s; ALTER TABLE %[1]s ALTER COLUMN %[2]s SET DEFAULT %[4]s; then fill the old rows in batches",
			c.target, column.name, column.kind, value)
		if column.rest.has("NOT", "NULL") {
			safe += "; then NOT NULL by way of a CHECK that is NOT VALID at first"
		}
		return safe
	}
	return ""
}

// neededColumn is the column an action adds that every old row lacks: NOT NULL, without a
// value for it.
func neededColumn(action phrase) (newColumn, bool) {
	column, ok := addedColumn(action)
	needed := column.rest.has("NOT", "NULL") || column.rest.has("PRIMARY", "KEY")
	return column, ok && needed && !column.fills() && !column.rest.has("DEFAULT")
}

func addNotNull(c *command) string {
	for _, action := range c.actions {
		if column, ok := neededColumn(action); ok {
			return fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s NOT NULL DEFAULT <a constant>: no row is touched for it", c.target, column.name, column.kind)
		}
	}
	return ""
}

// alteredColumn reads the action ALTER COLUMN and leaves what is done to it.
func alteredColumn(p *phrase) string {
	if !p.take("ALTER") || p.begins("CONSTRAINT") {
		return ""
	}
	p.take("COLUMN")
	return p.name()
}

func changeType(c *command) string {
	for _, action := range c.actions {
		column := alteredColumn(&action)
		action.take("SET", "DATA")
		if column == "" || !c.rewrote || !action.take("TYPE") {
			continue
		}
		kind := action
		if i := kind.index("USING"); i >= 0 {
			kind = kind[:i]
		}
		return fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s_new %s; write both columns, fill the old rows in batches, then swap the names", c.target, plain(column), kind)
	}
	return ""
}

func setNotNull(c *command) string {
	for _, action := range c.actions {
		column := alteredColumn(&action)
		if column == "" || !c.read || !action.begins("SET", "NOT", "NULL") {
			continue
		}
		return fmt.Sprintf("ALTER TABLE %[1]s ADD CONSTRAINT %[3]s CHECK (%[2]s IS NOT NULL) NOT VALID; in a later file: ALTER TABLE %[1]s VALIDATE CONSTRAINT %[3]s; "+
			"in one after it: ALTER TABLE %[1]s ALTER COLUMN %[2]s SET NOT NULL; ALTER TABLE %[1]s DROP CONSTRAINT %[3]s",
			c.target, column, plain(c.target)+"_"+plain(column)+"_not_null")
	}
	return ""
}

func dropColumn(c *command) string {
	if columns := droppedColumns(c); len(columns) > 0 {
		return "first release the program that no longer reads or writes " + strings.Join(columns, ", ") +
			"; archive the values; then drop it in a file of its own"
	}
	return ""
}

// droppedColumns are the columns an ALTER TABLE drops.
func droppedColumns(c *command) []string {
	var columns []string
	for _, action := range c.actions {
		if !action.take("DROP") || action.begins("CONSTRAINT") {
			continue
		}
		action.take("COLUMN")
		action.take("IF", "EXISTS")
		if name := action.name(); name != "" {
			columns = append(columns, name)
		}
	}
	return columns
}
