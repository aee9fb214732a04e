package rehearsal

import (
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sqlscan"
)

// foreignKey is one there was before the plan.
type foreignKey struct {
	name string
	// table has the key, refersTo is the other one.
	table, refersTo Relation
	// rule is what becomes of its rows when those they refer to go: CASCADE, SET NULL, SET
	// DEFAULT; "" when they stay and keep them there.
	rule string
}

// foreignKeys are those of the schema before the plan, in its order.
func (o *Outcome) foreignKeys() []foreignKey { return o.indexesBefore().keys }

// readForeignKeys finds them in a schema.
func readForeignKeys(schema *pg.Snapshot) []foreignKey {
	var all []foreignKey
	for _, object := range schema.Objects {
		if object.Kind != pg.KindConstraint || !strings.HasPrefix(object.Definition, "FOREIGN KEY") {
			continue
		}
		statements, err := sqlscan.Split(object.Definition)
		if err != nil || len(statements) == 0 {
			continue
		}
		p := phrase(statements[0].Tokens)
		at := p.index("REFERENCES")
		if at < 0 {
			continue
		}
		p = p[at+1:]
		key := foreignKey{name: object.Name[strings.LastIndexByte(object.Name, '.')+1:], table: tableOf(object.Of.Name), refersTo: tableOf(folded(p.name()))}
		for _, rule := range []string{"CASCADE", "SET NULL", "SET DEFAULT"} {
			if p.has(append([]string{"ON", "DELETE"}, strings.Fields(rule)...)...) {
				key.rule = rule
			}
		}
		all = append(all, key)
	}
	return all
}

// foreignKeysTo are those that refer to the table.
func (o *Outcome) foreignKeysTo(table Relation) []foreignKey {
	var all []foreignKey
	for _, key := range o.foreignKeys() {
		if key.refersTo.same(table) {
			all = append(all, key)
		}
	}
	return all
}

// tableOf is a table by its qualified name.
func tableOf(qualified string) Relation {
	schema, name, _ := strings.Cut(unquoted(qualified), ".")
	return Relation{Schema: schema, Name: name, Kind: "table"}
}
