package main

import (
	"fmt"
	"strings"
	"testing/fstest"
)

// The schema that snapshot and rehearsal are measured on.
const (
	schemaFiles   = 100
	schemaTables  = 150
	schemaIndexes = 600
)

// schemaChain makes 150 tables with 4 indexes each in 100 files: every other file makes
// two tables, the rest one, and changes one that is there.
func schemaChain() fstest.MapFS {
	dir := fstest.MapFS{}
	table := 0
	for i := 1; i <= schemaFiles; i++ {
		var up, down strings.Builder
		make := func() {
			table++
			makeTable(&up, &down, table)
		}
		make()
		if i%2 == 1 {
			make()
		} else {
			changeTable(&up, &down, table-2)
		}
		dir[fmt.Sprintf("%06d_step.up.sql", i)] = &fstest.MapFile{Data: []byte(up.String())}
		dir[fmt.Sprintf("%06d_step.down.sql", i)] = &fstest.MapFile{Data: []byte(down.String())}
	}
	return dir
}

// makeTable writes a table with a foreign key, a check, a comment and four indexes; the
// way back is written in front of what there is of it.
func makeTable(up, down *strings.Builder, n int) {
	parent := ""
	if n > 1 {
		parent = fmt.Sprintf("    parent_id bigint REFERENCES s%d (id) ON DELETE CASCADE,\n", n-1)
	}
	fmt.Fprintf(up, "CREATE TABLE s%[1]d (\n    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,\n%[2]s    name varchar(50) NOT NULL,\n"+
		"    status varchar(20) DEFAULT 'pending',\n    created_at timestamptz DEFAULT now(),\n    CONSTRAINT s%[1]d_valid CHECK (status IN ('pending', 'done'))\n);\n"+
		"CREATE UNIQUE INDEX s%[1]d_name ON s%[1]d (name);\nCREATE INDEX s%[1]d_created ON s%[1]d (created_at DESC);\n"+
		"CREATE INDEX s%[1]d_status ON s%[1]d (status, created_at DESC) WHERE status = 'pending';\n"+
		"COMMENT ON TABLE s%[1]d IS 'the table numbered %[1]d';\n", n, parent)
	prepend(down, fmt.Sprintf("DROP TABLE s%d;\n", n))
}

// changeTable writes what is done later to a table that is there.
func changeTable(up, down *strings.Builder, n int) {
	fmt.Fprintf(up, "ALTER TABLE s%[1]d ADD COLUMN note text;\nALTER TABLE s%[1]d ADD COLUMN priority int DEFAULT 50;\n"+
		"ALTER TABLE s%[1]d ADD CONSTRAINT s%[1]d_priority CHECK (priority BETWEEN 0 AND 100) NOT VALID;\nALTER TABLE s%[1]d VALIDATE CONSTRAINT s%[1]d_priority;\n"+
		"CREATE FUNCTION s%[1]d_touch() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    NEW.created_at := now();\n    RETURN NEW;\nEND;\n$$;\n"+
		"CREATE TRIGGER s%[1]d_touch BEFORE UPDATE ON s%[1]d FOR EACH ROW EXECUTE FUNCTION s%[1]d_touch();\n", n)
	prepend(down, fmt.Sprintf("DROP TRIGGER s%[1]d_touch ON s%[1]d;\nDROP FUNCTION s%[1]d_touch();\n"+
		"ALTER TABLE s%[1]d DROP CONSTRAINT s%[1]d_priority, DROP COLUMN priority, DROP COLUMN note;\n", n))
}

func prepend(b *strings.Builder, text string) {
	rest := b.String()
	b.Reset()
	b.WriteString(text + rest)
}
