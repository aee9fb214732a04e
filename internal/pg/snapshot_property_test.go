package pg_test

import (
	"flag"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

var propertyRounds = flag.Int("property-rounds", 4, "rounds of random DDL compared with pg_dump")

// The world in which random DDL plays.
const propertyWorld = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE a (id int PRIMARY KEY, x int, y text, z varchar(20) DEFAULT 'q', CONSTRAINT a_small CHECK (x < 100) NOT VALID);
CREATE TABLE b (id int PRIMARY KEY, extra text, a_id int REFERENCES a, m mood);
CREATE TABLE p (n int, t text) PARTITION BY LIST (n);
CREATE TABLE p1 (n int, t text);
CREATE TABLE c (n int NOT NULL, t text);
CREATE INDEX a_x ON a (x);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER a_touch BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW v AS SELECT id, x FROM a;
CREATE SEQUENCE s;
COMMENT ON TABLE b IS 'the b';`

// moves are pairs of a change and what claims to undo it. Some do not: the snapshot and pg_dump
// have to agree on which.
var moves = [][2]string{
	{`ALTER TABLE a ADD n1 int DEFAULT 7`, `ALTER TABLE a DROP n1`},
	{`ALTER TABLE b DROP extra`, `ALTER TABLE b ADD extra text`},
	{`ALTER TABLE c ALTER n TYPE bigint`, `ALTER TABLE c ALTER n TYPE int`},
	{`ALTER TABLE a ALTER z SET DEFAULT 'r'`, `ALTER TABLE a ALTER z DROP DEFAULT`},
	{`ALTER TABLE a ALTER z SET DEFAULT 'r'`, `ALTER TABLE a ALTER z SET DEFAULT 'q'`},
	{`ALTER TABLE c ALTER n DROP NOT NULL`, `ALTER TABLE c ALTER n SET NOT NULL`},
	{`CREATE INDEX n2 ON a (y)`, `DROP INDEX n2`},
	{`DROP INDEX a_x`, `CREATE INDEX a_x ON a (x DESC)`},
	{`DROP INDEX a_x`, `CREATE INDEX a_x ON a USING btree (x)`},
	{`COMMENT ON COLUMN a.y IS 'why'`, `COMMENT ON COLUMN a.y IS NULL`},
	{`COMMENT ON TABLE b IS 'other'`, `COMMENT ON TABLE b IS 'the b'`},
	{`COMMENT ON INDEX a_pkey IS 'key'`, `SELECT 1`},
	{`GRANT SELECT ON a TO pg_monitor`, `REVOKE SELECT ON a FROM pg_monitor`},
	{`GRANT SELECT (x) ON a TO PUBLIC`, `REVOKE ALL (x) ON a FROM PUBLIC`},
	{`REVOKE EXECUTE ON FUNCTION touch FROM PUBLIC`, `GRANT EXECUTE ON FUNCTION touch TO PUBLIC`},
	{`GRANT USAGE ON SEQUENCE s TO PUBLIC`, `SELECT 1`},
	{`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC`, `ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM PUBLIC`},
	{`ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`, `ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC`},
	{`ALTER TABLE c RENAME t TO u`, `ALTER TABLE c RENAME u TO t`},
	{`ALTER TABLE b RENAME CONSTRAINT b_pkey TO b_key`, `ALTER TABLE b RENAME CONSTRAINT b_key TO b_pkey`},
	{`ALTER TABLE a DISABLE TRIGGER a_touch`, `ALTER TABLE a ENABLE TRIGGER a_touch`},
	{`ALTER TABLE a ENABLE ALWAYS TRIGGER a_touch`, `ALTER TABLE a ENABLE REPLICA TRIGGER a_touch`},
	{`CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`, `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`},
	{`ALTER FUNCTION touch() SET work_mem = '8MB'`, `ALTER FUNCTION touch() RESET work_mem`},
	{`ALTER TABLE c ADD CONSTRAINT n3 CHECK (n > 0) NOT VALID`, `ALTER TABLE c DROP CONSTRAINT n3`},
	{`ALTER TABLE a VALIDATE CONSTRAINT a_small`, `ALTER TABLE a DROP CONSTRAINT a_small, ADD CONSTRAINT a_small CHECK (x < 100)`},
	{`ALTER TABLE a VALIDATE CONSTRAINT a_small`, `ALTER TABLE a DROP CONSTRAINT a_small, ADD CONSTRAINT a_small CHECK (x < 100) NOT VALID`},
	{`CREATE TYPE n4 AS (i int)`, `DROP TYPE n4`},
	{`CREATE DOMAIN n5 AS int CHECK (VALUE > 1)`, `DROP DOMAIN n5`},
	{`ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'`, `ALTER TYPE mood RENAME VALUE 'fine' TO 'ok'`},
	{`ALTER TABLE b ENABLE ROW LEVEL SECURITY`, `ALTER TABLE b DISABLE ROW LEVEL SECURITY`},
	{`CREATE POLICY n6 ON b USING (id > 1)`, `DROP POLICY n6 ON b`},
	{`ALTER TABLE a ALTER x SET STATISTICS 100`, `ALTER TABLE a ALTER x SET STATISTICS -1`},
	{`ALTER TABLE a ALTER y SET STORAGE EXTERNAL`, `ALTER TABLE a ALTER y SET STORAGE EXTENDED`},
	{`CREATE VIEW n7 AS SELECT 1 AS one`, `DROP VIEW n7`},
	{`CREATE OR REPLACE VIEW v AS SELECT id, x FROM a WHERE x > 1`, `CREATE OR REPLACE VIEW v AS SELECT id, x FROM a`},
	{`ALTER VIEW v ALTER x SET DEFAULT 3`, `ALTER VIEW v ALTER x DROP DEFAULT`},
	{`CREATE MATERIALIZED VIEW n8 AS SELECT n FROM c`, `DROP MATERIALIZED VIEW n8`},
	{`ALTER SEQUENCE s INCREMENT 2 CYCLE`, `ALTER SEQUENCE s INCREMENT 1 NO CYCLE`},
	{`ALTER SEQUENCE s OWNED BY c.n`, `ALTER SEQUENCE s OWNED BY NONE`},
	{`CREATE SCHEMA n9`, `DROP SCHEMA n9`},
	{`ALTER TABLE c OWNER TO pg_monitor`, `ALTER TABLE c OWNER TO CURRENT_USER`},
	{`ALTER TABLE c SET (fillfactor = 70)`, `ALTER TABLE c RESET (fillfactor)`},
	{`ALTER TABLE a CLUSTER ON a_pkey`, `ALTER TABLE a SET WITHOUT CLUSTER`},
	{`ALTER TABLE b REPLICA IDENTITY FULL`, `ALTER TABLE b REPLICA IDENTITY DEFAULT`},
	{`SET client_min_messages = error; CREATE PUBLICATION n10 FOR TABLE c`, `DROP PUBLICATION n10`},
	{`ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1)`, `ALTER TABLE p DETACH PARTITION p1`},
	{`CREATE TABLE n11 () INHERITS (c)`, `DROP TABLE n11`},
	{`ALTER TABLE p1 INHERIT c`, `SELECT 1`},
	{`CREATE STATISTICS n12 ON x, y FROM a`, `DROP STATISTICS n12`},
	{`CREATE RULE n13 AS ON DELETE TO c DO INSTEAD NOTHING`, `DROP RULE n13 ON c`},
	{`CREATE AGGREGATE n14(int) (SFUNC = int4pl, STYPE = int)`, `DROP AGGREGATE n14(int)`},
	{`ALTER TABLE b ALTER m TYPE text`, `ALTER TABLE b ALTER m TYPE mood USING m::mood`},
	{`ALTER TABLE b DROP CONSTRAINT b_a_id_fkey`, `ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a ON DELETE CASCADE`},
	{`ALTER TABLE b DROP CONSTRAINT b_a_id_fkey`, `ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a`},
	{`ALTER TABLE c SET UNLOGGED`, `ALTER TABLE c SET LOGGED`},
}

// The property: two states of a schema have equal snapshots exactly when pg_dump writes the same
// text for both.
func TestSnapshotsAreEqualExactlyWhenTheDumpsAre(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, propertyWorld)
	conn := pgtest.Connect(t, target)
	server, err := pg.Describe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{ServerMajor: server.Major()})
	if err != nil {
		t.Fatal(err)
	}
	look := func() (*pg.Snapshot, string) {
		return takeSnapshot(t, conn, pg.SnapshotOptions{}), dumpSchema(t, programs.Dump, target)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	before, dumpBefore := look()
	for range *propertyRounds {
		chosen := applySome(t, conn, random)
		after, dumpAfter := look()
		agree(t, chosen, before, after, dumpBefore, dumpAfter)
		for i := len(chosen) - 1; i >= 0; i-- {
			execAll(t, conn, chosen[i][1])
		}
		undone, dumpUndone := look()
		agree(t, chosen, before, undone, dumpBefore, dumpUndone)
		before, dumpBefore = undone, dumpUndone
	}
}

// applySome makes up to four changes, leaving out those that what happened before has made impossible.
func applySome(t *testing.T, conn *pgx.Conn, random *rand.Rand) (chosen [][2]string) {
	t.Helper()
	for _, i := range random.Perm(len(moves))[:1+random.IntN(4)] {
		possible := conn.PgConn().Exec(t.Context(), "BEGIN; "+moves[i][0]+"; "+moves[i][1]).Close() == nil
		execAll(t, conn, "ROLLBACK")
		if possible {
			execAll(t, conn, moves[i][0])
			chosen = append(chosen, moves[i])
		}
	}
	return chosen
}

func agree(t *testing.T, chosen [][2]string, before, after *pg.Snapshot, dumpBefore, dumpAfter string) {
	t.Helper()
	changes := pg.Diff(before, after)
	if (len(changes) == 0) != (dumpBefore == dumpAfter) {
		t.Errorf("after %q\nthe diff says %v\nthe dumps say %s", chosen, changes, cmp.Diff(dumpBefore, dumpAfter))
	}
}

// restrictLine is a line of recent dumps with a key that is another every time.
var restrictLine = regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`)

func dumpSchema(t *testing.T, dump pg.Program, target config.Target) string {
	t.Helper()
	command := dump.Command(t.Context(), target, "--schema-only")
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.String())
	}
	return restrictLine.ReplaceAllString(string(out), "")
}
