package pg

import (
	"fmt"
	"slices"
	"strconv"
)

// address is where the server keeps an object: catalog, OID, column number.
type address struct {
	class, object, sub uint32
}

// attachment is what a snapshot knows about an object beside it: an owner, a grant, a comment.
type attachment struct {
	to         address
	kind       Kind
	suffix     string
	definition string
}

// collection puts the rows of the catalog queries together. Addresses tie parts to their
// wholes; what is attached to an object that was not collected is left out with it.
type collection struct {
	objects  []Object
	parents  []address // of objects, by index
	keys     map[address]Key
	attached []attachment
}

func newCollection() *collection { return &collection{keys: map[address]Key{}} }

// The columns of every catalog query.
const (
	columnKind = iota
	columnClass
	columnObject
	columnSub
	columnName
	columnParent // OID of the relation it belongs to, 0 for none
	columnPosition
	columnDefinition
	columnOwner // empty where the object has none of its own
	columnCount
)

// attachedTo marks a row that adds to an object of another row; its kind stands behind the mark.
const attachedTo = '@'

func (c *collection) add(row [][]byte) error {
	if len(row) != columnCount {
		return fmt.Errorf("a catalog query returned %d columns", len(row))
	}
	if row[columnName] == nil || row[columnDefinition] == nil {
		return errVanished
	}
	var numbers [columnCount]uint32
	for _, i := range []int{columnClass, columnObject, columnSub, columnParent, columnPosition} {
		n, err := strconv.ParseUint(string(row[i]), 10, 32)
		if err != nil {
			return fmt.Errorf("a catalog query returned %q: %w", row[i], err)
		}
		numbers[i] = uint32(n)
	}
	at := address{numbers[columnClass], numbers[columnObject], numbers[columnSub]}
	name, definition := string(row[columnName]), string(row[columnDefinition])
	if kind := row[columnKind]; kind[0] == attachedTo {
		c.attached = append(c.attached, attachment{at, Kind(kind[1:]), name, definition})
		return nil
	}
	key := Key{Kind(row[columnKind]), name}
	c.keys[at] = key
	c.objects = append(c.objects, Object{Key: key, Position: int(numbers[columnPosition]), Definition: canonical(key.Kind, definition)})
	c.parents = append(c.parents, address{object: numbers[columnParent]})
	if owner := string(row[columnOwner]); owner != "" {
		c.attached = append(c.attached, attachment{to: at, kind: KindOwner, definition: owner})
	}
	return nil
}

func (c *collection) snapshot(version int, o SnapshotOptions) *Snapshot {
	relations := map[uint32]Key{}
	for at, key := range c.keys {
		if at.sub == 0 && isRelation(key.Kind) {
			relations[at.object] = key
		}
	}
	s := &Snapshot{Format: SnapshotFormat, ServerVersionNum: version, Objects: []Object{}}
	keep := func(obj Object) {
		if !slices.Contains(o.ExcludeKinds, obj.Kind) {
			s.Objects = append(s.Objects, obj)
		}
	}
	for i, obj := range c.objects {
		obj.Of = relations[c.parents[i].object]
		keep(obj)
	}
	for _, a := range c.attached {
		if of, ok := c.keys[a.to]; ok {
			keep(Object{Key: Key{a.kind, string(of.Kind) + " " + of.Name + a.suffix}, Of: of, Definition: a.definition})
		}
	}
	s.sort()
	return s
}

// isRelation reports whether other objects can belong to one of this kind by its pg_class OID.
func isRelation(k Kind) bool {
	switch k {
	case KindTable, KindForeignTable, KindView, KindMaterializedView, KindSequence:
		return true
	}
	return false
}
