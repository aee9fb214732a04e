package rehearsal

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// renaming is a name that running clients know and that is no more.
type renaming struct {
	// table is set, column as well when it is the column's name that changes.
	table, column, to string
}

// renamingIn reads the new name that an ALTER TABLE gives; it can give only one.
func renamingIn(c *command) (renaming, bool) {
	for _, action := range c.actions {
		if !action.take("RENAME") || action.begins("CONSTRAINT") {
			continue
		}
		r := renaming{table: c.target}
		if !action.begins("TO") {
			action.take("COLUMN")
			r.column = action.name()
		}
		if action.take("TO") {
			r.to = action.name()
			return r, true
		}
	}
	return renaming{}, false
}

func rename(c *command) string {
	switch r, ok := renamingIn(c); {
	case !ok:
		return ""
	case r.column != "":
		return fmt.Sprintf("expand and contract: add column %s beside %s, write both, move the readers, then drop %[2]s", r.to, r.column)
	default:
		return fmt.Sprintf("expand and contract: in the same file CREATE VIEW %s AS SELECT * FROM %s, until no client says the old name", r.table, r.to)
	}
}

// renamedValue is the enum's type and its old value.
func renamedValue(c *command) (enum, value string) {
	p := c.phrase()
	if !p.take("ALTER", "TYPE") {
		return "", ""
	}
	enum = p.name()
	if !p.take("RENAME", "VALUE") {
		return "", ""
	}
	return enum, p.at(0).Text
}

func renameValue(c *command) string {
	enum, old := renamedValue(c)
	if old == "" {
		return ""
	}
	p := c.phrase()
	return fmt.Sprintf("ALTER TYPE %s ADD VALUE %s, in a file of its own; write the new value, change the rows in batches, and leave %s unused", enum, p[len(p)-1].Text, old)
}

func dropTable(c *command) string {
	p := c.phrase()
	if !p.take("DROP", "TABLE") {
		return ""
	}
	p.take("IF", "EXISTS")
	var first []string
	for _, part := range p.parts() {
		name := part.name()
		for _, key := range c.keys {
			if !isNamed(key.table, name) && !isNamed(key.refersTo, name) || key.table.same(key.refersTo) {
				continue
			}
			first = append(first, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", key.table, key.name))
		}
	}
	archive := "archive the rows; then " + c.phrase().String()
	if len(first) == 0 {
		return archive
	}
	return "first, each in a short file: " + strings.Join(distinct(first), "; ") + "; " + archive
}

func truncate(c *command) string {
	p := c.phrase()
	if !p.take("TRUNCATE") {
		return ""
	}
	p.take("TABLE")
	p.take("ONLY")
	return fmt.Sprintf("DELETE FROM %s in batches, from outside the migrations; archive the rows first", p.name())
}

func setLogged(c *command) string {
	for _, action := range c.actions {
		if action.begins("SET", "LOGGED") || action.begins("SET", "UNLOGGED") {
			return "there is none while the table is in use: plan a window"
		}
	}
	return ""
}

func detachPartition(c *command) string {
	for _, action := range c.actions {
		if action.begins("DETACH", "PARTITION") && !action.has("CONCURRENTLY") && !action.has("FINALIZE") {
			return c.phrase().String() + " CONCURRENTLY" + aloneInItsFile
		}
	}
	return ""
}

func partitionOf(c *command) string {
	p := c.phrase()
	if !p.take("CREATE", "TABLE") {
		return ""
	}
	p.take("IF", "NOT", "EXISTS")
	partition := p.name()
	if !p.take("PARTITION", "OF") {
		return ""
	}
	parent := p.name()
	bounds := "FOR VALUES …"
	if i := p.index("FOR", "VALUES"); i >= 0 {
		bounds = p[i:].String()
	} else if i := p.index("DEFAULT"); i >= 0 {
		bounds = "DEFAULT"
	}
	return fmt.Sprintf("CREATE TABLE %[1]s (LIKE %[2]s INCLUDING ALL); ALTER TABLE %[2]s ATTACH PARTITION %[1]s %[3]s", partition, parent, bounds)
}

func createTrigger(c *command) string {
	p := c.phrase()
	if !p.take("CREATE") {
		return ""
	}
	p.take("OR", "REPLACE")
	p.take("CONSTRAINT")
	if !p.begins("TRIGGER") {
		return ""
	}
	return "a short transaction: the trigger in a file without anything slow"
}

func writesBesideDDL(c *command) string {
	if tables := writesIn(c.tokens); len(tables) > 0 && c.beside {
		return fmt.Sprintf("the change of %s in a file of its own, without DDL, and in batches", strings.Join(tables, ", "))
	}
	return ""
}

func setLockTimeout(c *command) string {
	p := c.phrase()
	if !p.take("SET") {
		return ""
	}
	p.takeAny("LOCAL", "SESSION")
	if p.at(0).Name() != "lock_timeout" || len(p) < 3 || briefly(p[2]) {
		return ""
	}
	return "leave lock_timeout out of the file: clipperops waits briefly, gives way and tries again (--lock-timeout, --lock-retry-for)"
}

// briefly reports whether a timeout is no longer than the engine's own. DEFAULT and what
// cannot be read are not.
func briefly(t sqlscan.Token) bool {
	text, quoted := t.Value()
	if !quoted {
		text = t.Text
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "min", "m")
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "ms") // without a unit
	}
	return err == nil && d > 0 && d <= migrate.DefaultLockTimeout
}

// writesIn are the tables, as they are named, whose rows UPDATE, DELETE or MERGE change,
// also inside a DO block.
func writesIn(tokens phrase) []string {
	if len(tokens) == 0 || !isOneOf(tokens[0], "UPDATE", "DELETE", "MERGE", "INSERT", "WITH", "DO") {
		return nil
	}
	tables := writesAnywhere(tokens)
	if tokens.begins("DO") {
		tables = append(tables, writesInBody(tokens)...)
	}
	return tables
}

func writesAnywhere(tokens phrase) []string {
	var tables []string
	for _, c := range changesAnywhere(tokens) {
		if c.verb != "INSERT" && c.verb != "TRUNCATE" {
			tables = append(tables, c.table)
		}
	}
	return tables
}

// writesInBody looks into the code of a DO block.
func writesInBody(tokens phrase) []string {
	var tables []string
	for _, t := range tokens {
		code, ok := t.Value()
		if !ok {
			continue
		}
		statements, err := sqlscan.Split(code)
		if err != nil {
			continue
		}
		for _, st := range statements {
			tables = append(tables, writesAnywhere(st.Tokens)...)
		}
	}
	return tables
}

func isOneOf(t sqlscan.Token, keywords ...string) bool {
	for _, k := range keywords {
		if t.Is(k) {
			return true
		}
	}
	return false
}
