package release

import "strings"

// Objects are what one version adds to the schema.
type Objects struct {
	Version   uint64     `yaml:"version"`
	Tables    []Table    `yaml:"tables"`
	Functions []Function `yaml:"functions"`
}

// Table is a table that the version makes or, when Altered, adds to.
type Table struct {
	Name string `yaml:"name"`
	// Altered means that the table stood before: only what is listed here is new.
	Altered     bool         `yaml:"altered"`
	Columns     []Column     `yaml:"columns"`
	Indexes     []Index      `yaml:"indexes"`
	Constraints []Constraint `yaml:"constraints"`
	Triggers    []Trigger    `yaml:"triggers"`
}

// Column is one column of a Table.
type Column struct {
	Name string `yaml:"name"`
	// Type is any spelling of the type that PostgreSQL knows, e.g. varchar(50).
	Type    string `yaml:"type"`
	NotNull bool   `yaml:"not_null"`
	// Default is the expression, compared only where it is given.
	Default string `yaml:"default"`
}

// Index is one index of a Table; those of primary keys and unique constraints
// are stated as constraints.
type Index struct {
	Name string `yaml:"name"`
	// Keys are columns or expressions, each with "desc" behind it where it is so.
	Keys   []string `yaml:"keys"`
	Unique bool     `yaml:"unique"`
	// Method is the access method; btree unless stated.
	Method string `yaml:"method"`
	// Where is the predicate of a partial index.
	Where string `yaml:"where"`
}

// The kinds of Constraint.
const (
	KindPrimaryKey = "primary key"
	KindForeignKey = "foreign key"
	KindUnique     = "unique"
	KindCheck      = "check"
	KindExclusion  = "exclusion"
)

// Constraint is one constraint of a Table.
type Constraint struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`
	// Columns are those of a key, in order.
	Columns []string `yaml:"columns"`
	// References and OnDelete are for foreign keys: the table pointed at, and
	// "no action" (the default), "restrict", "cascade", "set null" or "set default".
	References string `yaml:"references"`
	OnDelete   string `yaml:"on_delete"`
	// Values are the text literals a check allows, compared only where given.
	Values []string `yaml:"values"`
}

// Trigger is one row-level trigger of a Table.
type Trigger struct {
	Name string `yaml:"name"`
	// Timing is "before" or "after".
	Timing string `yaml:"timing"`
	// Events are of insert, update, delete.
	Events   []string `yaml:"events"`
	Function string   `yaml:"function"`
}

// Function is a function without overloads that the version makes.
type Function struct {
	Name string `yaml:"name"`
	// Arguments are the argument types as the server prints them; empty for none.
	Arguments string `yaml:"arguments"`
	Returns   string `yaml:"returns"`
}

// TableState is a table as all versions up to one leave it.
type TableState struct {
	Table
	// Since is the version that made the table or, when Altered, first added to it.
	Since uint64
}

// TablesAt merges what the versions up to and including that one add, in the
// order in which the tables first appear.
func (r *Release) TablesAt(version int64) []TableState {
	var states []TableState
	at := map[string]int{}
	for _, objects := range r.Objects {
		if version < 0 || objects.Version > uint64(version) {
			break
		}
		for _, t := range objects.Tables {
			i, known := at[t.Name]
			if !known {
				at[t.Name] = len(states)
				states = append(states, TableState{Table: t, Since: objects.Version})
				continue
			}
			s := &states[i]
			s.Columns = append(s.Columns[:len(s.Columns):len(s.Columns)], t.Columns...)
			s.Indexes = append(s.Indexes[:len(s.Indexes):len(s.Indexes)], t.Indexes...)
			s.Constraints = append(s.Constraints[:len(s.Constraints):len(s.Constraints)], t.Constraints...)
			s.Triggers = append(s.Triggers[:len(s.Triggers):len(s.Triggers)], t.Triggers...)
		}
	}
	return states
}

// Tables names the tables the release makes, in the order in which it makes them.
func (r *Release) Tables() []string {
	var names []string
	for _, objects := range r.Objects {
		for _, t := range objects.Tables {
			if !t.Altered {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

// Object is one schema object that a version of the release makes.
type Object struct {
	// Kind is table, column, index, constraint, trigger or function.
	Kind string
	// Table is the table it belongs to; empty for tables and functions.
	Table string
	Name  string
	// Version is the one that makes it.
	Version uint64
}

// String is the object as one says it: "column users.role".
func (o Object) String() string {
	if o.Table == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + strings.Join([]string{o.Table, o.Name}, ".")
}

// Made lists every object the release makes, a table before what stands in it.
func (r *Release) Made() []Object {
	var made []Object
	for _, objects := range r.Objects {
		v := objects.Version
		for _, t := range objects.Tables {
			if !t.Altered {
				made = append(made, Object{Kind: "table", Name: t.Name, Version: v})
			}
			for _, c := range t.Columns {
				made = append(made, Object{Kind: "column", Table: t.Name, Name: c.Name, Version: v})
			}
			for _, i := range t.Indexes {
				made = append(made, Object{Kind: "index", Table: t.Name, Name: i.Name, Version: v})
			}
			for _, c := range t.Constraints {
				made = append(made, Object{Kind: "constraint", Table: t.Name, Name: c.Name, Version: v})
			}
			for _, g := range t.Triggers {
				made = append(made, Object{Kind: "trigger", Table: t.Name, Name: g.Name, Version: v})
			}
		}
		for _, f := range objects.Functions {
			made = append(made, Object{Kind: "function", Name: f.Name, Version: v})
		}
	}
	return made
}
