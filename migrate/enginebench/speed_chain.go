package main

import (
	"fmt"
	"strings"
	"testing/fstest"
)

// chain is a directory of generated migrations, and the same as one script.
type chain struct {
	dir    fstest.MapFS
	files  int
	script string
}

// generate makes n migrations of the kinds real chains are made of: tables with
// keys and indexes, columns, triggers, and a few rows.
func generate(n int) chain {
	c := chain{dir: fstest.MapFS{}, files: n}
	var script strings.Builder
	for i := 1; i <= n; i++ {
		up, down := migration(i)
		c.dir[fmt.Sprintf("%06d_step.up.sql", i)] = &fstest.MapFile{Data: []byte(up)}
		c.dir[fmt.Sprintf("%06d_step.down.sql", i)] = &fstest.MapFile{Data: []byte(down)}
		fmt.Fprintf(&script, "BEGIN;\n%sCOMMIT;\n", up)
	}
	c.script = script.String()
	return c
}

func migration(i int) (up, down string) {
	table := fmt.Sprintf("t%d", i-(i-1)%4) // each table has four migrations
	switch (i - 1) % 4 {
	case 0:
		parent := ""
		if i > 4 {
			parent = fmt.Sprintf("    parent_id bigint REFERENCES t%d (id) ON DELETE CASCADE,\n", i-4)
		}
		up = fmt.Sprintf("CREATE TABLE %[1]s (\n    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,\n%[2]s    name varchar(50) NOT NULL,\n"+
			"    status varchar(20) DEFAULT 'pending',\n    created_at timestamp DEFAULT now(),\n    CONSTRAINT %[1]s_valid CHECK (status IN ('pending', 'done'))\n);\n"+
			"CREATE INDEX %[1]s_name ON %[1]s (name);\nCREATE INDEX %[1]s_status ON %[1]s (status, created_at DESC) WHERE status = 'pending';\n", table, parent)
		down = fmt.Sprintf("DROP TABLE %s;\n", table)
	case 1:
		up = fmt.Sprintf("-- what was asked for later\nALTER TABLE %[1]s ADD COLUMN note text;\nALTER TABLE %[1]s ADD COLUMN priority int DEFAULT 50;\n"+
			"ALTER TABLE %[1]s ADD CONSTRAINT %[1]s_priority CHECK (priority BETWEEN 0 AND 100) NOT VALID;\nALTER TABLE %[1]s VALIDATE CONSTRAINT %[1]s_priority;\n", table)
		down = fmt.Sprintf("ALTER TABLE %[1]s DROP COLUMN note, DROP COLUMN priority;\n", table)
	case 2:
		up = fmt.Sprintf("CREATE FUNCTION %[1]s_touch() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    NEW.created_at := now();\n    RETURN NEW;\nEND;\n$$;\n"+
			"CREATE TRIGGER %[1]s_touch BEFORE UPDATE ON %[1]s FOR EACH ROW EXECUTE FUNCTION %[1]s_touch();\n", table)
		down = fmt.Sprintf("DROP TRIGGER %[1]s_touch ON %[1]s;\nDROP FUNCTION %[1]s_touch();\n", table)
	default:
		up = fmt.Sprintf("INSERT INTO %[1]s (name) VALUES ('one'), ('two; three'), ('four');\nUPDATE %[1]s SET note = name WHERE name <> 'one';\n", table)
		down = fmt.Sprintf("DELETE FROM %s;\n", table)
	}
	return up, down
}
