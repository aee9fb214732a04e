package pg

import (
	"cmp"
	"slices"
)

// Kind is what sort of thing an Object is, in the words an operator uses.
type Kind string

// The kinds of objects in a Snapshot, in the order a Diff lists them.
const (
	KindSchema             Kind = "schema"
	KindExtension          Kind = "extension"
	KindLanguage           Kind = "language"
	KindAccessMethod       Kind = "access method"
	KindCollation          Kind = "collation"
	KindConversion         Kind = "conversion"
	KindType               Kind = "type"
	KindEnum               Kind = "enum"
	KindDomain             Kind = "domain"
	KindFunction           Kind = "function"
	KindProcedure          Kind = "procedure"
	KindAggregate          Kind = "aggregate"
	KindOperator           Kind = "operator"
	KindOperatorFamily     Kind = "operator family"
	KindOperatorClass      Kind = "operator class"
	KindCast               Kind = "cast"
	KindTransform          Kind = "transform"
	KindTextSearch         Kind = "text search"
	KindForeignDataWrapper Kind = "foreign data wrapper"
	KindForeignServer      Kind = "foreign server"
	KindUserMapping        Kind = "user mapping"
	KindTable              Kind = "table"
	KindForeignTable       Kind = "foreign table"
	KindView               Kind = "view"
	KindMaterializedView   Kind = "materialized view"
	KindColumn             Kind = "column"
	// KindColumnOrder occurs in a Diff alone: columns that stand in another order than before.
	KindColumnOrder      Kind = "column order"
	KindSequence         Kind = "sequence"
	KindConstraint       Kind = "constraint"
	KindIndex            Kind = "index"
	KindStatistics       Kind = "statistics"
	KindTrigger          Kind = "trigger"
	KindRule             Kind = "rule"
	KindPolicy           Kind = "policy"
	KindPublication      Kind = "publication"
	KindSubscription     Kind = "subscription"
	KindEventTrigger     Kind = "event trigger"
	KindOwner            Kind = "owner"
	KindGrant            Kind = "grant"
	KindRevoked          Kind = "revoked default"
	KindDefaultPrivilege Kind = "default privilege"
	KindDefaultRevoked   Kind = "revoked default privilege"
	// KindDepends ties an object to an extension that takes it along (ALTER … DEPENDS ON EXTENSION).
	KindDepends       Kind = "extension dependency"
	KindComment       Kind = "comment"
	KindSecurityLabel Kind = "security label"
)

var kinds = []Kind{
	KindSchema, KindExtension, KindLanguage, KindAccessMethod, KindCollation, KindConversion, KindType, KindEnum,
	KindDomain, KindFunction, KindProcedure, KindAggregate, KindOperator, KindOperatorFamily, KindOperatorClass,
	KindCast, KindTransform, KindTextSearch, KindForeignDataWrapper, KindForeignServer, KindUserMapping, KindTable,
	KindForeignTable, KindView, KindMaterializedView, KindColumn, KindColumnOrder, KindSequence, KindConstraint, KindIndex,
	KindStatistics, KindTrigger, KindRule, KindPolicy, KindPublication, KindSubscription, KindEventTrigger,
	KindOwner, KindGrant, KindRevoked, KindDefaultPrivilege, KindDefaultRevoked, KindDepends, KindComment, KindSecurityLabel,
}

// Kinds returns every kind of object there is, in the order a Diff lists them.
func Kinds() []Kind {
	return slices.Clone(kinds)
}

var kindRank = func() map[Kind]int {
	ranks := make(map[Kind]int, len(kinds))
	for i, k := range kinds {
		ranks[k] = i
	}
	return ranks
}()

// Key identifies an object within a Snapshot.
type Key struct {
	Kind Kind `json:"kind"`
	// Name is qualified and quoted as the server writes it: public.users, public.users.email,
	// public.f(integer). That of an owner, a grant or a comment begins with the object's own
	// kind and name.
	Name string `json:"name"`
}

// IsZero reports whether the key names nothing.
func (k Key) IsZero() bool { return k == Key{} }

// String is the key as an operator reads it: "table users", the schema public left unsaid.
func (k Key) String() string { return string(k.Kind) + " " + shortName(k) }

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(kindRank[a.Kind], kindRank[b.Kind]), cmp.Compare(a.Name, b.Name))
}

// Object is one thing in a schema.
type Object struct {
	Key
	// Of is what the object belongs to and vanishes with: a column's table, a comment's
	// function. It is zero for what stands on its own.
	Of Key `json:"of,omitzero"`
	// Position is the rank of a column among the columns of its table, from 1; 0 otherwise.
	Position int `json:"position,omitempty"`
	// Definition is canonical: two objects are equal exactly when their definitions are.
	Definition string `json:"definition"`
}

// SnapshotFormat names the shape of a Snapshot in JSON.
const SnapshotFormat = "clipperops/schema/v1"

// Snapshot is every object of a database's schema with its canonical definition, as the
// server's own functions write it. It holds no data, and nothing that an extension owns.
type Snapshot struct {
	// Format is SnapshotFormat.
	Format string `json:"schema"`
	// ServerVersionNum is that of the server the snapshot was taken on, e.g. 150018.
	ServerVersionNum int `json:"server_version_num"`
	// Objects are sorted by kind, then name.
	Objects []Object `json:"objects"`
}

// Find returns the object of that key.
func (s *Snapshot) Find(k Key) (Object, bool) {
	i, found := slices.BinarySearchFunc(s.Objects, k, func(o Object, k Key) int { return compareKeys(o.Key, k) })
	if !found {
		return Object{}, false
	}
	return s.Objects[i], true
}

// Parts returns what belongs directly to the object of that key, columns in their order.
func (s *Snapshot) Parts(of Key) []Object {
	var parts []Object
	for _, o := range s.Objects {
		if o.Of == of {
			parts = append(parts, o)
		}
	}
	slices.SortStableFunc(parts, func(a, b Object) int {
		return cmp.Or(cmp.Compare(kindRank[a.Kind], kindRank[b.Kind]), cmp.Compare(a.Position, b.Position))
	})
	return parts
}

// Without returns the snapshot without the objects of those kinds, and those kinds alone: what
// belongs to a table stays when tables are left out.
func (s *Snapshot) Without(kinds ...Kind) *Snapshot {
	rest := *s
	rest.Objects = slices.DeleteFunc(slices.Clone(s.Objects), func(o Object) bool { return slices.Contains(kinds, o.Kind) })
	return &rest
}

// Equal reports whether the two schemas are the same.
func (s *Snapshot) Equal(other *Snapshot) bool { return len(Diff(s, other)) == 0 }

func (s *Snapshot) sort() {
	slices.SortFunc(s.Objects, func(a, b Object) int { return compareKeys(a.Key, b.Key) })
}
