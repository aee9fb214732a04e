package repair_test

import (
	"context"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/repair"
)

// grown is a chain that begins on a database it does not make.
func grown() chain {
	c := plain()
	delete(c, "000010_base")
	return c
}

const usersTable = "CREATE TABLE users (id int PRIMARY KEY, name text)"

// TestAChainThatDoesNotBeginWithNothing is compared with on a clone.
func TestAChainThatDoesNotBeginWithNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up      []uint64
		sql     string
		mark    int64
		verdict repair.Verdict
		version int64
		texts   []string
	}{
		"nothing of it":          {nil, usersTable, 11, repair.Nothing, -1, []string{"derived on a clone", `relation "users" does not exist`}},
		"all of it":              {[]uint64{11}, "SELECT 1", 11, repair.All, 11, nil},
		"nothing of the next":    {[]uint64{11}, "SELECT 1", 12, repair.Nothing, 11, nil},
		"all of the next":        {[]uint64{11, 12}, "SELECT 1", 12, repair.All, 12, nil},
		"nothing of a down file": {[]uint64{11, 12}, "SELECT 1", 11, repair.Nothing, 12, nil},
		"a part of a down file":  {[]uint64{11, 12}, "DROP TABLE appeals", 11, repair.Partly, 0, []string{"000012 was undone in part", "+ column queue.appeal", "CREATE TABLE appeals"}},
		"a part of it": {
			nil, usersTable + "; CREATE TABLE queue (id int PRIMARY KEY, by_user int REFERENCES users (id))", 11, repair.Partly, 0,
			[]string{"+ table queue", "CREATE INDEX queue_user", "DROP TABLE queue;"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, grown().source(t))
			if len(c.up) > 0 {
				s.sql(usersTable)
			}
			s.up(c.up...).sql(c.sql).dirty(c.mark).wants(c.verdict, c.version, c.texts...)
		})
	}
}

// Guards against a way back that leads elsewhere being believed: what the clone came to is
// then no version at all.
func TestADownFileThatDoesNotUndoItsUpFileProvesNothing(t *testing.T) {
	t.Parallel()
	c := grown()
	c["000011_queue"] = [2]string{c["000011_queue"][0], "DROP VIEW ranked; DROP TABLE queue;"}
	delete(c, "000012_appeals")
	s := newScene(t, c.source(t)).sql(usersTable).up(11).dirty(11)
	s.wants(repair.CannotTell, 0, "it cannot be told", `relation "users" does not exist`)
	s.noClone = true
	s.wants(repair.CannotTell, 0, `relation "users" does not exist`)
	s.noEmpty = true
	s.wants(repair.CannotTell, 0, "no database could be made to compare with")
}

// Guards against a database of another product being called "nothing applied": the files
// have to have made most of what is there before the mark.
func TestADatabaseThatTheseFilesDidNotMake(t *testing.T) {
	t.Parallel()
	s := newScene(t, plain().source(t)).sql("CREATE TABLE orders (id int); CREATE TABLE items (id int)").dirty(11)
	s.noClone = true
	s.wants(repair.CannotTell, 0, "most of what the files of testdata make up to there is not in this database")
}

// TestAForeignDatabaseIsNotAtAnyVersion: nothing of a file stands in a database that has
// nothing to do with these files either, and no row is to be written for that.
func TestAForeignDatabaseIsNotAtAnyVersion(t *testing.T) {
	t.Parallel()
	const strangers = "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int, of int REFERENCES orders)"
	alone := plain()
	alone["000011_queue"] = [2]string{"CREATE TABLE queue (id int);", "DROP TABLE queue;"} // it can be run anywhere
	delete(alone, "000012_appeals")
	unmakable := plain()
	unmakable["000010_base"] = [2]string{"CREATE EXTENSION nosuch_extension;\nCREATE TABLE users (id int PRIMARY KEY, name text);", "DROP TABLE users;"}
	for name, c := range map[string]struct {
		files chain
		texts []string
	}{
		"files that need what they made":           {plain(), []string{"of what the files of testdata make before 000011, 0 of 3 tables, columns and functions stand in this database"}},
		"a file that can be run anywhere":          {alone, []string{"0 of 3"}},
		"files that cannot be run on an empty one": {unmakable, []string{"0 of 1"}},
		"a chain that does not begin with nothing": {grown(), []string{"no object of the files of testdata stands in this database", `relation "users" does not exist`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, c.files.source(t)).sql(strangers).dirty(11)
			f := s.wants(repair.CannotTell, 0, append(c.texts, "this database is not one that these files made: it cannot be told what of 000011 was applied")...)
			if f.Foreign == "" || f.Settled() {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestAFileThatCannotBeRun: that it fails is mostly why the database is dirty.
func TestAFileThatCannotBeRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up, sql string
		verdict repair.Verdict
		version int64
		texts   []string
	}{
		"its last statement":           {"CREATE TABLE a (n int);\nALTER TABLE nosuch ADD COLUMN n int;", "SELECT 1", repair.Nothing, 10, []string{"line 2", `relation "nosuch" does not exist (42P01)`}},
		"its last, the others stand":   {"CREATE TABLE a (n int);\nALTER TABLE nosuch ADD COLUMN n int;", "CREATE TABLE a (n int)", repair.Partly, 0, []string{"+ table a", "1 statement cannot be run", "-- line 2 cannot be run as it is", "DROP TABLE IF EXISTS a;"}},
		"its only one":                 {"ALTER TABLE nosuch ADD COLUMN n int;", "SELECT 1", repair.Nothing, 10, nil},
		"its only one, and drift":      {"ALTER TABLE nosuch ADD COLUMN n int;", "CREATE TABLE by_hand (n int)", repair.CannotTell, 0, nil},
		"what it makes stands anyhow":  {"CREATE TABLE a (n nosuchtype);", "CREATE TABLE a (n int)", repair.Partly, 0, []string{"+ table a"}},
		"the next one is not reached":  {"CREATE TABLE a (n int);\nDROP VIEW nosuch;\nCREATE TABLE b (n int);", "SELECT 1", repair.Nothing, 10, nil},
		"no SQL at all":                {"CREATE TABLE a (n int);\nINSERT INTO a VALUES ('", "SELECT 1", repair.CannotTell, 0, []string{"quotation is never closed"}},
		"an empty one changes nothing": {"-- later", "SELECT 1", repair.CannotTell, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := chain{"000010_base": plain()["000010_base"], "000011_x": {c.up, "DROP TABLE IF EXISTS a;"}}.source(t)
			newScene(t, src).up(10).sql(c.sql).dirty(11).wants(c.verdict, c.version, c.texts...)
		})
	}
}

// TestWhatASchemaDoesNotShow: rows, and versions that look alike.
func TestWhatASchemaDoesNotShow(t *testing.T) {
	t.Parallel()
	base := plain()["000010_base"]
	for name, c := range map[string]struct {
		chain   chain
		up      []uint64
		mark    int64
		verdict repair.Verdict
		version int64
		texts   []string
	}{
		"rows alone": {
			chain{"000010_base": base, "000011_rows": {"UPDATE users SET name = 'x';", "SELECT 1;"}},
			[]uint64{10},
			11, repair.CannotTell, 0,
			[]string{"change nothing that a schema shows", "000011_rows.up.sql line 1: UPDATE users SET name", "rows"},
		},
		"the next one changes rows alone": {
			chain{"000010_base": base, "000011_a": {"CREATE TABLE a (n int);", "DROP TABLE a;"}, "000012_rows": {"INSERT INTO a VALUES (1);", "DELETE FROM a;"}},
			[]uint64{10, 11},
			11, repair.CannotTell, 0,
			[]string{"like version 11 and like version 12"},
		},
		"and nothing of this one stands": {
			chain{"000010_base": base, "000011_a": {"CREATE TABLE a (n int);", "DROP TABLE a;"}, "000012_rows": {"INSERT INTO a VALUES (1);", "DELETE FROM a;"}},
			[]uint64{10},
			11, repair.Nothing, 10, nil,
		},
		"the next one undoes it": {
			chain{"000010_base": base, "000011_a": {"CREATE TABLE a (n int);", "DROP TABLE a;"}, "000012_b": {"DROP TABLE a;", "CREATE TABLE a (n int);"}},
			[]uint64{10},
			11, repair.CannotTell, 0,
			[]string{"like version 10 and like version 12"},
		},
		"rows beside objects, in one query": {
			chain{"000010_base": base, "000011_a": {"CREATE TABLE a (n int);\nINSERT INTO a VALUES (1);", "DROP TABLE a;"}},
			[]uint64{10, 11},
			11, repair.All, 11,
			[]string{"repair.rows pass", "stand or fall with its objects", "line 2: INSERT INTO a"},
		},
		"rows beside objects, in several": {
			chain{"000010_base": base, "000011_a": {"CREATE TABLE a (n int);\nCOMMIT;\nINSERT INTO a VALUES (1);", "DROP TABLE a;"}},
			[]uint64{10, 11},
			11, repair.All, 11,
			[]string{"repair.rows warn"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newScene(t, c.chain.source(t)).up(c.up...).dirty(c.mark).wants(c.verdict, c.version, c.texts...)
		})
	}
}

// TestTheServerIsLeftAlone: on the target's own server a comparison must not make roles.
func TestTheServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	role := "repair_" + strings.ToLower(t.Name())
	src := chain{
		"000010_base": plain()["000010_base"],
		"000011_role": {"CREATE ROLE " + role + ";\nALTER TABLE users ADD COLUMN a int;\nALTER DATABASE nosuch SET work_mem = '8MB';", "ALTER TABLE users DROP COLUMN a;\nDROP ROLE " + role + ";"},
	}.source(t)
	s := newScene(t, src).up(10).dirty(11)
	s.wants(repair.Nothing, 10, "is about the whole server, and was left out", "000011_role.up.sql line 1")
	if pgtest.QueryValue[bool](t, s.target, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role) {
		t.Error("the role was made")
	}
}

// TestTablesInASchemaOfTheirOwn: the target's search_path decides where files make things.
func TestTablesInASchemaOfTheirOwn(t *testing.T) {
	t.Parallel()
	src := plain().source(t)
	s := newScene(t, src)
	s.sql(`CREATE SCHEMA "App"; ALTER DATABASE ` + s.target.Database + ` SET search_path = "App"`)
	s.up(10, 11).dirty(11).wants(repair.All, 11)
	s.dirty(12).wants(repair.Nothing, 11)
	s.sql("CREATE TABLE appeals (id int)").wants(repair.Partly, 0, `table "App".appeals`)
}

// TestInvalidIndexesAreNamed with the SQL that mends them, wherever they are from.
func TestInvalidIndexesAreNamed(t *testing.T) {
	t.Parallel()
	src := chain{
		"000010_base":  plain()["000010_base"],
		"000011_index": {"CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (name);", "DROP INDEX CONCURRENTLY users_name;"},
	}.source(t)
	s := newScene(t, src).up(10).sql("INSERT INTO users VALUES (1, 'a'), (2, 'a')").dirty(11)
	f, _ := src.Up(11)
	conn := pgtest.Connect(t, s.target)
	if _, err := conn.Exec(t.Context(), f.Body); err == nil {
		t.Fatal("the rows are unique")
	}
	found := s.wants(repair.Partly, 0, "index users_name is INVALID: its building was cut off",
		"DROP INDEX CONCURRENTLY public.users_name;   CREATE UNIQUE INDEX CONCURRENTLY users_name ON public.users USING btree (name);")
	if want := "DROP INDEX CONCURRENTLY IF EXISTS public.users_name;\nCREATE UNIQUE INDEX CONCURRENTLY users_name ON users (name);\n"; found.Upward.SQL != want {
		t.Errorf("%q, want %q", found.Upward.SQL, want)
	}
	if want := "DROP INDEX CONCURRENTLY users_name;\n"; found.Downward.SQL != want {
		t.Errorf("%q, want %q", found.Downward.SQL, want)
	}
	s.sql(found.Downward.SQL).wants(repair.Nothing, 10)
	if f := s.examine(); len(f.Invalid) != 0 {
		t.Errorf("%+v", f.Invalid)
	}
}

// TestRowsThatNameNoFile are refused: there is nothing to compare with.
func TestRowsThatNameNoFile(t *testing.T) {
	t.Parallel()
	s := newScene(t, plain().source(t)).up(10).dirty(48)
	_, err := repair.Examine(t.Context(), s.input())
	if f := ops.AsFailure(err); f == nil || f.Code != ops.ExitRefused || !strings.Contains(f.What, "48, which has no file in testdata") ||
		!strings.Contains(strings.Join(f.Next, "; "), "clipperops migrate force VERSION") {
		t.Errorf("%v", err)
	}
	s.sql("INSERT INTO schema_migrations VALUES (49, false)")
	if f := ops.AsFailure(func() error { _, err := repair.Examine(t.Context(), s.input()); return err }()); f == nil || !strings.Contains(f.What, "has 2 rows") {
		t.Errorf("%v", f)
	}
}

// TestARoleThatMayMakeNothing guards against the server's bare refusal: that nothing could
// be compared is said once, with who can.
func TestARoleThatMayMakeNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, plain().source(t)).up(10).dirty(11)
	in, reader := s.input(), pgtest.NewRole(t, "")
	in.Empty = func(context.Context) (config.Target, func(), error) {
		return reader.WithDatabase(pgtest.New(t).Database), func() {}, nil
	}
	in.Clone = in.Empty
	f, err := repair.Examine(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if f.Verdict != repair.CannotTell || len(f.Reasons) != 1 || !strings.Contains(f.Reasons[0], "may create nothing in schema public") || !strings.Contains(f.Reasons[0], "run this as its owner") {
		t.Errorf("%s %q", f.Verdict, f.Reasons)
	}
}
