package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

// rowTest is a statement on a clone, S being a schema of its own.
type rowTest struct {
	// trap is the row it is one of, "" for a form that is safe.
	trap string
	// before is there already, sql is the file; its last statement is the one looked at.
	before, sql string
	// on is the table in use that is looked at.
	on string
	// lock, rewrites and scans are expected of it; those of the row when trap is set.
	lock            LockMode
	rewrites, scans bool
	// also are locks on other tables.
	also map[string]LockMode
}

const twoTables = `CREATE TABLE S.p (id integer PRIMARY KEY, a integer, b integer); CREATE INDEX p_a ON S.p (a);
CREATE TABLE S.t (id integer PRIMARY KEY, a integer, v varchar(10), n numeric(8,2), at timestamp, r int4range); CREATE INDEX t_a ON S.t (a);`

const partitions = `CREATE TABLE S.t (id integer) PARTITION BY RANGE (id); CREATE TABLE S.one PARTITION OF S.t FOR VALUES FROM (1) TO (10);`

// rowTests are every row of the table of traps, in its forms, and the safe forms.
var rowTests = []rowTest{
	{trap: "CREATE INDEX", sql: "CREATE INDEX ON S.t (v)", on: "t"},
	{trap: "CREATE INDEX", sql: "CREATE UNIQUE INDEX t_v ON S.t (v)", on: "t"},
	{sql: "CREATE INDEX CONCURRENTLY t_v ON S.t (v)", on: "t", lock: ShareUpdateExclusive, scans: true},
	{trap: "DROP INDEX", sql: "DROP INDEX S.t_a", on: "t"},
	{sql: "DROP INDEX CONCURRENTLY S.t_a", on: "t", lock: ShareUpdateExclusive},
	{trap: "REINDEX", sql: "REINDEX TABLE S.t", on: "t", also: map[string]LockMode{"t_a": AccessExclusive, "t_pkey": AccessExclusive}},
	{trap: "REINDEX", sql: "REINDEX INDEX S.t_a", on: "t", also: map[string]LockMode{"t_a": AccessExclusive}},
	{sql: "REINDEX TABLE CONCURRENTLY S.t", on: "t", lock: ShareUpdateExclusive, scans: true},
	{trap: "ADD COLUMN with a volatile default", sql: "ALTER TABLE S.t ADD COLUMN u uuid DEFAULT gen_random_uuid()", on: "t"},
	{trap: "ADD COLUMN with a volatile default", sql: "ALTER TABLE S.t ADD COLUMN c timestamptz NOT NULL DEFAULT clock_timestamp()", on: "t"},
	{sql: "ALTER TABLE S.t ADD COLUMN c timestamptz NOT NULL DEFAULT now()", on: "t", lock: AccessExclusive},
	{sql: "ALTER TABLE S.t ADD COLUMN c integer DEFAULT 7", on: "t", lock: AccessExclusive},
	{trap: "ADD COLUMN serial, identity or GENERATED … STORED", sql: "ALTER TABLE S.t ADD COLUMN c bigserial", on: "t"},
	{trap: "ADD COLUMN serial, identity or GENERATED … STORED", sql: "ALTER TABLE S.t ADD COLUMN c integer GENERATED ALWAYS AS (a * 2) STORED", on: "t"},
	{trap: "ADD COLUMN serial, identity or GENERATED … STORED", sql: "ALTER TABLE S.t ADD COLUMN c integer GENERATED ALWAYS AS IDENTITY", on: "t"},
	{trap: "ADD COLUMN NOT NULL without default", sql: "ALTER TABLE S.t ADD COLUMN c text NOT NULL", on: "t"},
	{trap: "ALTER COLUMN TYPE", sql: "ALTER TABLE S.t ALTER COLUMN a TYPE bigint", on: "t"},
	{trap: "ALTER COLUMN TYPE", sql: "ALTER TABLE S.t ALTER COLUMN v TYPE varchar(5)", on: "t"},
	{trap: "ALTER COLUMN TYPE", sql: "ALTER TABLE S.t ALTER COLUMN n TYPE numeric(8,3)", on: "t"},
	{sql: "ALTER TABLE S.t ALTER COLUMN v TYPE varchar(20)", on: "t", lock: AccessExclusive},
	{sql: "ALTER TABLE S.t ALTER COLUMN v TYPE text", on: "t", lock: AccessExclusive},
	{sql: "ALTER TABLE S.t ALTER COLUMN n TYPE numeric(12,2)", on: "t", lock: AccessExclusive},
	{sql: "SET TIME ZONE 'UTC'; ALTER TABLE S.t ALTER COLUMN at TYPE timestamptz", on: "t", lock: AccessExclusive},
	{trap: "SET NOT NULL", sql: "ALTER TABLE S.t ALTER COLUMN a SET NOT NULL", on: "t"},
	{
		before: "ALTER TABLE S.t ADD CONSTRAINT there CHECK (a IS NOT NULL)",
		sql:    "ALTER TABLE S.t ALTER COLUMN a SET NOT NULL", on: "t", lock: AccessExclusive,
	},
	{trap: "ADD CHECK", sql: "ALTER TABLE S.t ADD CONSTRAINT positive CHECK (a > 0)", on: "t"},
	{sql: "ALTER TABLE S.t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID", on: "t", lock: AccessExclusive},
	{
		before: "ALTER TABLE S.t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID",
		sql:    "ALTER TABLE S.t VALIDATE CONSTRAINT positive", on: "t", lock: ShareUpdateExclusive, scans: true,
	},
	{trap: "ADD FOREIGN KEY", sql: "ALTER TABLE S.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES S.p (id)", on: "t", also: map[string]LockMode{"p": ShareRowExclusive}},
	{sql: "ALTER TABLE S.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES S.p (id) NOT VALID", on: "t", lock: ShareRowExclusive, also: map[string]LockMode{"p": ShareRowExclusive}},
	{
		before: "ALTER TABLE S.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES S.p (id) NOT VALID",
		sql:    "ALTER TABLE S.t VALIDATE CONSTRAINT f", on: "t", lock: ShareUpdateExclusive, scans: true, also: map[string]LockMode{"p": RowShare},
	},
	{trap: "CREATE TABLE … REFERENCES", sql: "CREATE TABLE S.child (id integer, p integer REFERENCES S.p (id))", on: "p"},
	{trap: "ADD UNIQUE, ADD PRIMARY KEY", sql: "ALTER TABLE S.t ADD CONSTRAINT u UNIQUE (v)", on: "t"},
	{trap: "ADD UNIQUE, ADD PRIMARY KEY", before: "CREATE TABLE S.k (id integer NOT NULL)", sql: "ALTER TABLE S.k ADD PRIMARY KEY (id)", on: "k"},
	{
		before: "CREATE UNIQUE INDEX u ON S.t (v)",
		sql:    "ALTER TABLE S.t ADD CONSTRAINT u UNIQUE USING INDEX u", on: "t", lock: AccessExclusive,
	},
	{trap: "ADD EXCLUDE", sql: "ALTER TABLE S.t ADD CONSTRAINT apart EXCLUDE USING gist (r WITH &&)", on: "t"},
	{trap: "RENAME of a table or column", sql: "ALTER TABLE S.t RENAME COLUMN a TO z", on: "t"},
	{trap: "RENAME of a table or column", sql: "ALTER TABLE S.t RENAME TO z", on: "t"},
	{trap: "RENAME of an enum's value", before: "CREATE TYPE S.mood AS ENUM ('ok'); CREATE TABLE S.moods (m S.mood)", sql: "ALTER TYPE S.mood RENAME VALUE 'ok' TO 'fine'", on: "moods"},
	{trap: "DROP COLUMN", sql: "ALTER TABLE S.t DROP COLUMN v", on: "t"},
	{
		trap: "DROP TABLE", before: "ALTER TABLE S.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES S.p (id)",
		sql: "DROP TABLE S.t", on: "t", also: map[string]LockMode{"p": AccessExclusive},
	},
	{
		trap: "TRUNCATE", before: "ALTER TABLE S.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES S.p (id)",
		sql: "TRUNCATE S.p CASCADE", on: "p", also: map[string]LockMode{"t": AccessExclusive},
	},
	{trap: "VACUUM FULL, CLUSTER", sql: "VACUUM FULL S.t", on: "t"},
	{trap: "VACUUM FULL, CLUSTER", sql: "CLUSTER S.t USING t_a", on: "t"},
	{trap: "SET LOGGED, SET UNLOGGED", sql: "ALTER TABLE S.t SET UNLOGGED", on: "t"},
	{trap: "SET LOGGED, SET UNLOGGED", before: "ALTER TABLE S.t SET UNLOGGED", sql: "ALTER TABLE S.t SET LOGGED", on: "t"},
	{trap: "DETACH PARTITION", before: "!" + partitions, sql: "ALTER TABLE S.t DETACH PARTITION S.one", on: "t"},
	{before: "!" + partitions, sql: "ALTER TABLE S.t DETACH PARTITION S.one CONCURRENTLY", on: "t", lock: ShareUpdateExclusive},
	{trap: "CREATE TABLE … PARTITION OF", before: "!" + partitions, sql: "CREATE TABLE S.two PARTITION OF S.t FOR VALUES FROM (10) TO (20)", on: "t"},
	{
		before: "!" + partitions + "CREATE TABLE S.two (LIKE S.t)",
		sql:    "ALTER TABLE S.t ATTACH PARTITION S.two FOR VALUES FROM (10) TO (20)", on: "t", lock: ShareUpdateExclusive,
	},
	{trap: "REFRESH MATERIALIZED VIEW", before: "CREATE MATERIALIZED VIEW S.m AS SELECT id FROM S.t", sql: "REFRESH MATERIALIZED VIEW S.m", on: "m"},
	{
		before: "CREATE MATERIALIZED VIEW S.m AS SELECT id FROM S.t; CREATE UNIQUE INDEX m_id ON S.m (id)",
		sql:    "REFRESH MATERIALIZED VIEW CONCURRENTLY S.m", on: "m", lock: Exclusive, scans: true,
	},
	{
		trap: "CREATE TRIGGER", before: "CREATE FUNCTION S.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
		sql: "CREATE TRIGGER g BEFORE INSERT ON S.t FOR EACH ROW EXECUTE FUNCTION S.f()", on: "t",
	},
	{trap: "domain with a constraint", before: "CREATE DOMAIN S.d AS integer; CREATE TABLE S.uses (d S.d)", sql: "ALTER DOMAIN S.d ADD CONSTRAINT positive CHECK (VALUE > 0)", on: "uses"},
	{trap: "domain with a constraint", before: "CREATE DOMAIN S.d AS integer; CREATE TABLE S.uses (d S.d)", sql: "ALTER DOMAIN S.d SET NOT NULL", on: "uses"},
	{trap: "UPDATE or DELETE beside DDL", sql: "ALTER TABLE S.p ADD COLUMN c integer; UPDATE S.t SET a = 0", on: "t", also: map[string]LockMode{"p": AccessExclusive}},
	{sql: "SET LOCAL lock_timeout = '1500ms'", on: "t"},
	{trap: "SET lock_timeout longer than 2 s, or none", sql: "SET LOCAL lock_timeout = 0", on: "t"},
}

// TestEveryTrapOnAClone runs each row on a real clone: the lock and the rewrite are those
// the table says, and the row's advice is chosen. All of them are one chain of files.
func TestEveryTrapOnAClone(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	fsys := fstest.MapFS{}
	var before strings.Builder
	for i, tt := range rowTests {
		s := fmt.Sprintf("r%02d", i+1)
		fmt.Fprintf(&before, "CREATE SCHEMA %s;\n", s)
		own, alone := strings.CutPrefix(tt.before, "!")
		if !alone {
			before.WriteString(inSchema(twoTables, s) + "\n")
		}
		before.WriteString(inSchema(own, s) + ";\n")
		id := fmt.Sprintf("%06d_%s", i+1, s)
		fsys[id+".up.sql"] = &fstest.MapFile{Data: []byte(inSchema(tt.sql, s) + ";")}
		fsys[id+".down.sql"] = &fstest.MapFile{Data: []byte("SELECT 1;")}
	}
	pgtest.Exec(t, clone, before.String())
	o := runThere(t, clone, fsys)
	there := o.Pass(There)
	if there.Failure != nil {
		t.Fatalf("%s\n%s", there.Failure, strings.Join(there.Failure.Detail, "\n"))
	}
	seen := map[string]bool{"ADD VALUE used in the same transaction": true} // a test of its own
	for i, tt := range rowTests {
		t.Run(fmt.Sprintf("%02d %s", i+1, tt.sql), func(t *testing.T) {
			checkRow(t, o, &there.Files[i], tt, fmt.Sprintf("r%02d", i+1))
		})
		seen[tt.trap] = true
	}
	for _, trap := range traps {
		if !seen[trap.name] {
			t.Errorf("no statement of %s was tried", trap.name)
		}
	}
}

// inSchema puts a schema's name in the place of S.
func inSchema(sql, schema string) string { return strings.ReplaceAll(sql, "S.", schema+".") }

func runThere(t *testing.T, clone config.Target, fsys fstest.MapFS) *Outcome {
	t.Helper()
	src, err := migrate.ReadSource(fsys, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	state, err := migrate.ReadState(t.Context(), pgtest.Connect(t, clone))
	if err != nil {
		t.Fatal(err)
	}
	versions := src.Versions()
	plan, err := migrate.PlanUp(src, state, versions[len(versions)-1], nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Run(t.Context(), Input{Clone: clone, Plan: plan, Place: "a test's server"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func checkRow(t *testing.T, o *Outcome, f *File, tt rowTest, schema string) {
	want := trap{lock: tt.lock, rewrites: tt.rewrites, scans: tt.scans}
	if tt.trap != "" {
		at := slices.IndexFunc(traps, func(trap trap) bool { return trap.name == tt.trap })
		if at < 0 {
			t.Fatalf("there is no trap %s", tt.trap)
		}
		want = traps[at]
	}
	if len(f.Statements) == 0 {
		t.Fatal("the file was not taken apart")
	}
	s := &f.Statements[len(f.Statements)-1]
	locks := map[string]LockMode{tt.on: want.lock}
	for name, mode := range tt.also {
		locks[name] = mode
	}
	for name, mode := range locks {
		got := NoLock
		for _, l := range f.Locks {
			if l.Relation.Schema == schema && l.Relation.Name == name {
				got = max(got, l.Mode)
			}
		}
		if got != mode {
			t.Errorf("%s is locked in mode %s, want %s; all: %+v", name, got, mode, f.Locks)
		}
	}
	is := func(r Relation) bool { return r.Schema == schema && r.Name == tt.on }
	if got := slices.ContainsFunc(s.Rewritten, is); got != want.rewrites {
		t.Errorf("%s rewritten: %v, want %v; %+v", tt.on, got, want.rewrites, s.Rewritten)
	}
	// TRUNCATE builds the indexes anew and reads the empty table for it.
	if got := slices.ContainsFunc(s.Scanned, is); got != want.scans && !want.rewrites && tt.trap != "TRUNCATE" {
		t.Errorf("%s scanned: %v, want %v; %+v", tt.on, got, want.scans, s.Scanned)
	}
	c := readCommand(f, s)
	c.beside = o.besideDDL(f, s)
	advice := adviseOn(c)
	names := make([]string, 0, len(advice))
	for _, a := range advice {
		names = append(names, a.Trap)
	}
	switch {
	case tt.trap == "" && len(advice) > 0:
		t.Errorf("advice on what is safe: %+v", advice)
	case tt.trap != "" && !slices.Contains(names, tt.trap):
		t.Errorf("advice %q, want that of %s", names, tt.trap)
	}
}
