package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// richUp and richDown are a statement an element: things that a copy could change are
// among them, a body with a tab and a line longer than the terminal, and a column's default
// with typography that a plain terminal cannot show.
var (
	richUp = []string{
		"CREATE TYPE mood AS ENUM ('good', 'bad');",
		"CREATE TABLE reviews (id int PRIMARY KEY, mood mood NOT NULL DEFAULT 'good', note text DEFAULT 'a → b – c');",
		"CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN\n\tNEW.note := 'CREATE TABLE in a text, and a line that is longer than sixty columns';\n    RETURN NEW;\nEND$$;",
		"CREATE TRIGGER stamped BEFORE UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION stamp();",
		`ALTER TABLE items ADD COLUMN stars int, ADD COLUMN "Odd Name" text;`,
		"CREATE INDEX items_stars ON items (stars);",
		"CREATE VIEW starred AS SELECT id, stars FROM items WHERE stars > 3;",
	}
	richDown = []string{
		"DROP VIEW starred;",
		"DROP INDEX items_stars;",
		`ALTER TABLE items DROP COLUMN stars, DROP COLUMN "Odd Name";`,
		"DROP TABLE reviews;",
		"DROP FUNCTION stamp();",
		"DROP TYPE mood;",
	}
)

// TestThePrintedSQLLeadsWhereItSays guards against SQL that is broken on its way to the
// screen: behind each statement of a file, up and down, what stands there is copied from a
// narrow plain terminal into psql, and the schema is then exactly that of the version.
func TestThePrintedSQLLeadsWhereItSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		direction string
		file      []string
		mark      int64
	}{{"up", richUp, 48}, {"down", richDown, 11}} {
		for place := 1; place < len(c.file); place++ {
			t.Run(fmt.Sprintf("%s, behind statement %d", c.direction, place), func(t *testing.T) {
				t.Parallel()
				b := newBroken(t, strings.Join(richUp, "\n")+"\n", strings.Join(richDown, "\n")+"\n")
				b.set("COLUMNS", "60")
				b.set("LC_ALL", "C")
				schemas := map[int64]*pg.Snapshot{11: b.schema()}
				b.tool("up").wants(ops.ExitDone)
				schemas[48] = b.schema()
				if c.direction == "up" {
					b.tool("down", "1").wants(ops.ExitDone)
				}
				// Back to where it began, which leaves the database as it was for the second try.
				b.stopBehind(c.file[:place], c.mark)
				b.follow(11+48-c.mark, schemas[11+48-c.mark])
				// And on to where it was going, from the same place.
				b.stopBehind(c.file[:place], c.mark)
				b.follow(c.mark, schemas[c.mark])
			})
		}
	}
}

// stopBehind leaves the database as a tool does that was cut off behind those statements.
func (b *broken) stopBehind(statements []string, mark int64) {
	b.t.Helper()
	for _, statement := range statements {
		pgtest.Exec(b.t, b.target, statement)
	}
	pgtest.Exec(b.t, b.target, "UPDATE schema_migrations SET dirty = true, version = $1", mark)
}

// follow copies the SQL that is printed for the version into psql, repairs, and wants the
// schema.
func (b *broken) follow(version int64, want *pg.Snapshot) {
	b.t.Helper()
	repair := "migrate repair --path " + filepath.Clean(b.dir)
	text := b.wants(ops.ExitChecks, repair)
	_, script, _ := strings.Cut(text, fmt.Sprintf("SQL that leads to version %d", version))
	_, script, _ = strings.Cut(script, "\nBEGIN;\n")
	script, _, ends := strings.Cut(script, "\nCOMMIT;\n")
	if !ends {
		b.t.Fatalf("no SQL for version %d in:\n%s", version, text)
	}
	psql := exec.Command("psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", b.target.URL().Reveal())
	psql.Stdin = strings.NewReader("BEGIN;\n" + script + "\nCOMMIT;\n")
	if out, err := psql.CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s\nof:\n%s", err, out, script)
	}
	b.wants(ops.ExitDone, repair+" --apply", fmt.Sprintf("the database is at version %d, clean", version))
	b.wantVersion(version)
	b.wantSchema(want)
}

// TestAnInvalidIndexIsNamedOnAHealthyDatabase guards against one that stays behind a
// version row that was set by hand; and the SQL that drops it is tried where it is.
func TestAnInvalidIndexIsNamedOnAHealthyDatabase(t *testing.T) {
	t.Parallel()
	b := newBroken(t, "CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (name);\n", "DROP INDEX CONCURRENTLY users_name;\n")
	pgtest.Exec(t, b.target, "INSERT INTO users VALUES (1, 'a'), (2, 'a')")
	upFails(b)
	text := b.wants(ops.ExitChecks, "migrate repair --path "+b.dir, "in part: 1 index is INVALID", "SQL that leads to version 11, .* where it led there")
	if strings.Contains(text, "it failed") {
		t.Error(text)
	}
	pgtest.Exec(t, b.target, "UPDATE schema_migrations SET version = 11, dirty = false")
	b.wants(ops.ExitDone, "migrate repair --path "+b.dir, "users_name on users is INVALID", "DROP INDEX CONCURRENTLY public.users_name;", "There is nothing to repair")
}

// TestARoleThatMayOnlyRead guards against a refusal without a next step: it is told who may
// do what it may not, and a force that could not compare tells of one failure, its own.
func TestARoleThatMayOnlyRead(t *testing.T) {
	t.Parallel()
	b := newBroken(t, thirdUp, thirdDown)
	owner, reader := b.target.User, pgtest.NewRole(t, "")
	pgtest.Exec(t, b.target, `GRANT SELECT ON schema_migrations TO "`+reader.User+`"; UPDATE schema_migrations SET version = 48, dirty = true`)
	defer pgtest.Exec(t, b.target, `REVOKE ALL ON schema_migrations FROM "`+reader.User+`"`) // before the role is dropped
	b.set("DATABASE_URL", reader.WithDatabase(b.target.Database).URL().Reveal())
	b.wants(ops.ExitRefused, "migrate repair --path "+b.dir, "may not create databases", "--rehearse-on local")
	text := b.wants(ops.ExitFailed, "migrate force 11 --yes --path "+b.dir,
		"the comparison could not be made", "permission denied for table schema_migrations", "run the same command as "+owner, "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON")
	if n := strings.Count(text, "\n✗"); n != 1 {
		t.Errorf("%d failures are told of:\n%s", n, text)
	}
	if v := pgtest.QueryValue[int64](t, b.target, "SELECT version FROM schema_migrations WHERE dirty"); v != 48 {
		t.Errorf("version %d", v)
	}
}

// TestForceOfMinusOne guards against golang-migrate's word for no version leading nowhere.
func TestForceOfMinusOne(t *testing.T) {
	t.Parallel()
	b := newBroken(t, thirdUp, thirdDown)
	b.wants(ops.ExitUsage, "migrate force -1", "no version at all is called none", "nothing was touched")
	b.wants(ops.ExitDone, "migrate force none --yes --path "+b.dir, "is not what the comparison says", "Forced: the version row says no version, clean")
}
