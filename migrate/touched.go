package migrate

import (
	"fmt"
	"strings"
)

// Table is a table, or another relation, as SQL names it.
type Table struct {
	// Schema is "" where search_path decides.
	Schema string
	Name   string
}

// String is "schema.name", or "name" where search_path decides.
func (t Table) String() string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Column is a column of a table.
type Column struct {
	Table Table
	Name  string
}

// String is "table.column".
func (c Column) String() string { return c.Table.String() + "." + c.Name }

// OpaqueStatement is one whose effect cannot be told from its text.
type OpaqueStatement struct {
	File string
	Line int
	// What it is, e.g. "DO" or "SELECT create_partitions(…)".
	What string
}

// String is the statement with its place.
func (o OpaqueStatement) String() string {
	return fmt.Sprintf("%s line %d: %s", o.File, o.Line, o.What)
}

// Touched is what SQL says it touches. It is read from the text alone: what a
// function, a trigger or a cascade does is not in it. A table that the same plan
// makes is in Created and nowhere else.
type Touched struct {
	Created []Table
	// Altered are tables whose definition or rows change; Written are those of
	// them whose rows do.
	Altered, Written []Table
	Dropped          []Table
	// Referenced are tables that are read, locked, or that a foreign key points to.
	Referenced     []Table
	ColumnsDropped []Column
	// ColumnsRetyped are columns given another type.
	ColumnsRetyped   []Column
	IndexesCreated   []Table
	IndexesDropped   []Table
	TriggersCreated  []string
	FunctionsCreated []Table
	// Extensions are those created.
	Extensions []string
	// Roles are those named, which must exist: in GRANT, OWNER TO and the like.
	Roles []string
	// Opaque are DO, CALL, EXECUTE, functions called for what they do, and cascades.
	Opaque []OpaqueStatement
}

// Touches reads from the SQL what the whole plan touches.
func (p *Plan) Touches() Touched {
	c := newCollector()
	for _, f := range p.Files {
		c.file(f)
	}
	return c.t
}

// Touches reads from the SQL what the file touches.
func (f File) Touches() Touched {
	c := newCollector()
	c.file(f)
	return c.t
}

// Summary is one line: "creates 1 table, 7 indexes; alters clip_submissions".
func (t Touched) Summary() string {
	var creates, drops, parts []string
	count := func(list *[]string, n int, one, many string) {
		switch {
		case n == 1:
			*list = append(*list, "1 "+one)
		case n > 1:
			*list = append(*list, fmt.Sprintf("%d %s", n, many))
		}
	}
	count(&creates, len(t.Created), "table", "tables")
	count(&creates, len(t.IndexesCreated), "index", "indexes")
	count(&creates, len(t.TriggersCreated), "trigger", "triggers")
	count(&creates, len(t.FunctionsCreated), "function", "functions")
	count(&creates, len(t.Extensions), "extension", "extensions")
	count(&drops, len(t.Dropped), "table", "tables")
	count(&drops, len(t.ColumnsDropped), "column", "columns")
	count(&drops, len(t.IndexesDropped), "index", "indexes")
	for _, group := range []struct {
		verb  string
		items []string
	}{{"creates", creates}, {"drops", drops}, {"alters", names(t.Altered)}} {
		if len(group.items) > 0 {
			parts = append(parts, group.verb+" "+strings.Join(group.items, ", "))
		}
	}
	if len(t.Opaque) > 0 {
		parts = append(parts, fmt.Sprintf("runs code whose effect cannot be told beforehand (%s)", t.Opaque[0].What))
	}
	return strings.Join(parts, "; ")
}
