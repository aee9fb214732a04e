package pg

import (
	"cmp"
	"slices"
	"strings"
)

// ChangeOp tells what happened to an object.
type ChangeOp string

// What can happen to an object.
const (
	Added   ChangeOp = "+"
	Removed ChangeOp = "-"
	Altered ChangeOp = "~"
)

// Change is one difference between two snapshots.
type Change struct {
	Op ChangeOp `json:"op"`
	Key
	// Of is what the object belongs to, zero for what stands on its own.
	Of Key `json:"of,omitzero"`
	// Before and After are the definitions; one is empty when the object was added or removed.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Parts is what came or went with the object: the columns of a table, the comment of a function.
	Parts []Change `json:"parts,omitempty"`
}

// Diff lists what has to be said of after to someone who knows before, nothing when they are equal.
// Objects that came or went as a whole have what belongs to them in Parts. The order is that of
// the kinds, and within a table that of its parts.
func Diff(before, after *Snapshot) []Change {
	changes := map[Key]Change{}
	walk(before.Objects, after.Objects, func(was, is *Object) {
		switch {
		case was == nil:
			changes[is.Key] = Change{Op: Added, Key: is.Key, Of: is.Of, After: is.Definition}
		case is == nil:
			changes[was.Key] = Change{Op: Removed, Key: was.Key, Of: was.Of, Before: was.Definition}
		case was.Definition != is.Definition:
			changes[is.Key] = Change{Op: Altered, Key: is.Key, Of: is.Of, Before: was.Definition, After: is.Definition}
		}
	})
	return append(fold(changes, indexOf(before, after)), reordered(before, after)...)
}

// Flatten returns the changes and all their parts as one list.
func Flatten(changes []Change) []Change {
	var flat []Change
	for _, c := range changes {
		flat = append(flat, c)
		flat = append(flat, Flatten(c.Parts)...)
	}
	return flat
}

// walk visits the keys of two sorted lists in order, with nil on the side that lacks one.
func walk(before, after []Object, visit func(was, is *Object)) {
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		order := 0
		switch {
		case i == len(before):
			order = 1
		case j == len(after):
			order = -1
		default:
			order = compareKeys(before[i].Key, after[j].Key)
		}
		var was, is *Object
		if order <= 0 {
			was = &before[i]
			i++
		}
		if order >= 0 {
			is = &after[j]
			j++
		}
		visit(was, is)
	}
}

// lookup answers where an object of either snapshot belongs.
type lookup map[Key]Object

func indexOf(snapshots ...*Snapshot) lookup {
	index := lookup{}
	for _, s := range snapshots {
		for _, o := range s.Objects {
			index[o.Key] = o
		}
	}
	return index
}

// root is the object under which a change is listed: the table of a column's comment.
func (l lookup) root(k Key) Key {
	for of := l[k].Of; !of.IsZero(); of = l[k].Of {
		k = of
	}
	return k
}

// fold puts every change under the object that came or went and took it along.
func fold(changes map[Key]Change, index lookup) []Change {
	order := func(a, b Change) int {
		return cmp.Or(compareKeys(index.root(a.Key), index.root(b.Key)), cmp.Compare(kindRank[a.Kind], kindRank[b.Kind]),
			cmp.Compare(index[a.Key].Position, index[b.Key].Position), cmp.Compare(a.Name, b.Name))
	}
	parts := map[Key][]Change{}
	for _, c := range changes {
		parent := Key{}
		if whole, ok := changes[c.Of]; ok && whole.Op == c.Op && c.Op != Altered {
			parent = c.Of
		}
		parts[parent] = append(parts[parent], c)
	}
	var gather func(Key) []Change
	gather = func(parent Key) []Change {
		list := parts[parent]
		slices.SortFunc(list, order)
		for i := range list {
			list[i].Parts = gather(list[i].Key)
		}
		return list
	}
	return gather(Key{})
}

// reordered finds tables whose columns stand in another order than before; columns that came or
// went are told of as such.
func reordered(before, after *Snapshot) []Change {
	was, is := columnOrders(before), columnOrders(after)
	var changes []Change
	for table, names := range was {
		old, now := keepOnly(names, is[table]), keepOnly(is[table], names)
		if !slices.Equal(old, now) {
			changes = append(changes, Change{
				Op: Altered, Key: Key{KindColumnOrder, table.Name}, Of: table,
				Before: strings.Join(old, ", "), After: strings.Join(now, ", "),
			})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return compareKeys(a.Key, b.Key) })
	return changes
}

// columnOrders lists the columns of every table in their order.
func columnOrders(s *Snapshot) map[Key][]string {
	columns := map[Key][]Object{}
	for _, o := range s.Objects {
		if o.Kind == KindColumn && (o.Of.Kind == KindTable || o.Of.Kind == KindForeignTable) {
			columns[o.Of] = append(columns[o.Of], o)
		}
	}
	orders := make(map[Key][]string, len(columns))
	for table, list := range columns {
		slices.SortFunc(list, func(a, b Object) int { return cmp.Compare(a.Position, b.Position) })
		for _, o := range list {
			orders[table] = append(orders[table], strings.TrimPrefix(o.Name, table.Name+"."))
		}
	}
	return orders
}

// keepOnly returns the names that are among the others as well.
func keepOnly(names, others []string) []string {
	among := make(map[string]bool, len(others)) // tables have 1600 columns at most, files may say otherwise
	for _, n := range others {
		among[n] = true
	}
	var kept []string
	for _, n := range names {
		if among[n] {
			kept = append(kept, n)
		}
	}
	return kept
}
