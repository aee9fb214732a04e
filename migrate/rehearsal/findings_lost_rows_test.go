package rehearsal

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestRowsThatGoAreSeenOnACloneWithoutAny: the schema comes back, and what a file did to
// rows does not. The clone has none, so that it is the text that tells.
func TestRowsThatGoAreSeenOnACloneWithoutAny(t *testing.T) {
	t.Parallel()
	const tables = `CREATE TABLE a (id int PRIMARY KEY, n int, b int); CREATE TABLE child (id int, a int CONSTRAINT child_a REFERENCES a ON DELETE CASCADE);
		CREATE TABLE kept (id int); CREATE TABLE few (id int);
		CREATE FUNCTION sweep() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM a WHERE n < 0; END $$;
		CREATE FUNCTION outer_one() RETURNS void LANGUAGE sql AS 'SELECT sweep()';
		CREATE PROCEDURE modern() LANGUAGE sql BEGIN ATOMIC UPDATE a SET n = 0; END;`
	const notBack = "the down file does not bring them back"
	for name, c := range map[string]struct {
		up, down string
		want     []string // nil where nothing is lost
	}{
		"DELETE":             {"SELECT 1;\nDELETE FROM a WHERE n < 0;", "", []string{"rows of a (about 20,000 rows), removed by line 2 of 000002_x.up.sql", "rows of a (about 20,000 rows on the target) are removed by DELETE FROM a WHERE n < 0; " + notBack, "rows of child (about 9,000 rows), removed", "its foreign key to a says ON DELETE CASCADE"}},
		"UPDATE":             {"UPDATE a SET n = 0 WHERE n IS DISTINCT FROM 1;", "", []string{"rows of a (about 20,000 rows), changed by line 1", notBack}},
		"undone by the down": {"UPDATE a SET n = n + 1;", "UPDATE a SET n = n - 1;", []string{"000002_x.down.sql writes rows of it too: whether they are the same again was not tried"}},
		"ON CONFLICT":        {"INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1;", "", []string{"rows of a (about 20,000 rows), changed"}},
		"TRUNCATE":           {"TRUNCATE child;", "", []string{"the rows of child (9,000 rows)", "000002_x.up.sql line 1: the rows of child (9,000 rows) are removed by TRUNCATE child; " + notBack}},
		"a DO block":         {"DO $$ BEGIN IF EXISTS (SELECT FROM a) THEN DELETE FROM a; TRUNCATE child; END IF; END $$;", "", []string{"rows of a (about 20,000 rows), removed", "rows of child (about 9,000 rows), removed"}},
		"EXECUTE":            {"DO $$ BEGIN IF EXISTS (SELECT FROM a) THEN EXECUTE 'DELETE FROM a'; END IF; END $$;", "", []string{"rows of a (about 20,000 rows), removed"}},
		"SQL put together":   {"DO $$ BEGIN EXECUTE format('DELETE FROM %I', 'a'); END $$;", "", []string{"rows of a (about 20,000 rows), perhaps changed by line 1"}},
		"a function":         {"SELECT outer_one();", "", []string{"rows of a (about 20,000 rows), removed"}},
		"a standard body":    {"CALL modern();", "", []string{"rows of a (about 20,000 rows), changed"}},
		"a function it made": {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a';\nSELECT f();", "DROP FUNCTION f();", []string{"rows of a (about 20,000 rows), removed by line 2"}},
		"a new column":       {"ALTER TABLE a ADD COLUMN c int;\nUPDATE a SET c = 0;", "ALTER TABLE a DROP COLUMN c;", nil},
		"only new rows":      {"INSERT INTO a VALUES (1);", "DELETE FROM a;", nil},
		"no rows there":      {"DELETE FROM few;", "", nil},
		"a new table":        {"CREATE TABLE fresh (id int);\nDELETE FROM fresh;", "DROP TABLE fresh;", nil},
		"only defined":       {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a';", "DROP FUNCTION f();", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := pgtest.New(t)
			pgtest.Exec(t, clone, tables)
			setVersion(t, clone, 1)
			files := map[string]string{"000001_a.up": "SELECT 1;", "000002_x.up": c.up}
			if c.down != "" {
				files["000002_x.down"] = c.down
			}
			src := chain(t, files)
			o := rehearsed(t, Input{
				Clone: clone, Plan: planUp(t, src, 1, 2), Back: planDown(t, src, 2, 1),
				Sizes: map[string]Size{"a": {Rows: 20_000, Bytes: 1e6}, "child": {Rows: 9_000, Bytes: 1e6}, "few": {}, "kept": {Rows: 5, Bytes: 8192}},
			})
			lost, reversible := result(t, o, "rehearse.lost"), result(t, o, "rehearse.reversible")
			if reversible.Status != ops.StatusPass || !strings.HasPrefix(reversible.Summary, "reversible: the schema, ") || !strings.HasSuffix(reversible.Summary, "; rows were not tried") {
				t.Error(shown(reversible))
			}
			if (lost.Status == ops.StatusWarn) != (c.want != nil) {
				t.Error(shown(lost))
			}
			has(t, name, shown(lost), c.want...)
		})
	}
}

// TestRowsThatWereChangedAreCounted: on a clone with rows nothing is guessed.
func TestRowsThatWereChangedAreCounted(t *testing.T) {
	t.Parallel()
	update := fileOf(Statement{Text: "UPDATE clip_submissions SET title = ''", Rows: []Rows{{Relation: submissions, Updated: 12}}, Locks: []Lock{{Relation: submissions, Mode: RowExclusive}}})
	o := outcomeOf(update)
	o.Mode, o.Before = WithData, snapshotOf(submissionsTable, title)
	o.Passes[0].After = o.Before
	r := result(t, o, "rehearse.lost")
	if r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	has(t, "changed", shown(r), "12 rows of clip_submissions changed by UPDATE clip_submissions", "no file brings them back")
	o.Before = snapshotOf(submissionsTable) // the column is a new one
	if r := result(t, o, "rehearse.lost"); r.Status != ops.StatusPass {
		t.Error(shown(r))
	}
}
