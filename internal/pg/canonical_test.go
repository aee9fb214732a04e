package pg_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestDefinitionsSurviveDumpAndRestore makes objects whose definitions the server
// writes in other words once it has read them back, and compares them with the same
// objects made of what it wrote.
func TestDefinitionsSurviveDumpAndRestore(t *testing.T) {
	t.Parallel()
	made, restored := pgtest.New(t), pgtest.New(t)
	const table = `CREATE TABLE t (a varchar(20), b varchar, c int, d "char", e text[] DEFAULT ARRAY['x, ]', 'it''s']::varchar[])`
	pgtest.Exec(t, made, table)
	pgtest.Exec(t, restored, table)
	for i, sql := range []string{
		`a IN ('pending', 'it''s ], (done)', E'back\\slash')`,
		`a = ANY (ARRAY['x'::varchar(3), 'y']) OR b IN ('one', 'two')`,
		`lower(b) IN (a, 'two', upper(a))`,
		`c IN (1, 2, 3) AND d IN ('a', 'b')`,
		`NOT (a IN ('x') AND (b IN ('y', a)))`,
	} {
		name := "ALTER TABLE t ADD CONSTRAINT check_" + string(rune('a'+i))
		pgtest.Exec(t, made, name+" CHECK ("+sql+")")
		written := pgtest.QueryValue[string](t, made, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'check_"+string(rune('a'+i))+"'")
		pgtest.Exec(t, restored, name+" "+written)
	}
	pgtest.Exec(t, made, "CREATE VIEW v AS SELECT * FROM t WHERE a IN ('x', 'y')")
	pgtest.Exec(t, restored, "CREATE VIEW v AS "+pgtest.QueryValue[string](t, made, "SELECT pg_get_viewdef('v'::regclass)"))
	pgtest.Exec(t, made, "CREATE INDEX i ON t (c) WHERE a IN ('x', 'y')")
	pgtest.Exec(t, restored, pgtest.QueryValue[string](t, made, "SELECT pg_get_indexdef('i'::regclass)"))

	differ := "SELECT string_agg(pg_get_constraintdef(oid), '' ORDER BY conname) FROM pg_constraint WHERE conrelid = 't'::regclass"
	if pgtest.QueryValue[string](t, made, differ) == pgtest.QueryValue[string](t, restored, differ) {
		t.Error("the server writes both alike; this test proves nothing")
	}
	before := takeSnapshot(t, pgtest.Connect(t, made), pg.SnapshotOptions{})
	after := takeSnapshot(t, pgtest.Connect(t, restored), pg.SnapshotOptions{})
	for _, c := range pg.Diff(before, after) {
		t.Errorf("%s", strings.Join(c.Lines(), "\n"))
	}
}

// Guards against a clone that seems to differ because a collation copied from the
// server's own is written in other words: the copy has that one's encoding (none), and
// what a dump makes of it has the database's.
func TestACopiedCollationSurvivesDumpAndRestore(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	pgtest.Exec(t, source, `CREATE COLLATION plain FROM "C"; CREATE TABLE t (a text COLLATE plain)`)
	c := makeClone(t, pg.SameServer(source), cloneRequest(t, source))
	const encoding = "SELECT collencoding FROM pg_collation WHERE collname = 'plain'"
	if pgtest.QueryValue[int](t, source, encoding) == pgtest.QueryValue[int](t, c.Target, encoding) {
		t.Error("the server keeps both alike; this test proves nothing")
	}
	sameSchema(t, source, c.Target, pg.SnapshotOptions{})
}
