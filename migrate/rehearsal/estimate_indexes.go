package rehearsal

import (
	"strings"

	"github.com/clipper/clipperops/internal/pg"
)

// indexesBefore are the indexes there were before the plan, by qualified names without
// quotes, and the foreign keys.
type indexesBefore struct {
	// of is the schema they were read from.
	of *pg.Snapshot
	// on is how many a table had, table which one an index was on.
	on    map[string]int
	table map[string]Relation
	keys  []foreignKey
}

// indexesBefore reads them once.
func (o *Outcome) indexesBefore() *indexesBefore {
	if o.indexes != nil && o.indexes.of == o.Before {
		return o.indexes
	}
	known := &indexesBefore{of: o.Before, on: map[string]int{}, table: map[string]Relation{}}
	o.indexes = known
	if o.Before == nil {
		return known
	}
	known.keys = readForeignKeys(o.Before)
	for _, object := range o.Before.Objects {
		name := unquoted(object.Name)
		switch {
		case object.Kind == pg.KindIndex:
		case object.Kind == pg.KindConstraint && hasIndex(object.Definition): // public.t.t_pkey has the index public.t_pkey
			schema, _, _ := strings.Cut(name, ".")
			name = schema + name[strings.LastIndexByte(name, '.'):]
		default:
			continue
		}
		on := unquoted(object.Of.Name)
		schema, table, _ := strings.Cut(on, ".")
		known.on[on]++
		known.table[name] = Relation{Schema: schema, Name: table, Kind: "table"}
	}
	return known
}

// hasIndex reports whether the server keeps an index for a constraint.
func hasIndex(definition string) bool {
	for _, kind := range []string{"PRIMARY KEY", "UNIQUE", "EXCLUDE"} {
		if strings.HasPrefix(definition, kind) {
			return true
		}
	}
	return false
}
