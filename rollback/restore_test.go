package rollback_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/rollback"
)

// there and back: down, up again, everything put back by an owner who is no superuser.
func (s *scene) thereAndBack(tables ...string) *rollback.Restored {
	s.t.Helper()
	wanted := map[string][]string{}
	for _, table := range tables {
		wanted[table] = s.rows(table)
	}
	top := uint64(s.state().Version)
	plan := s.plan(1)
	a := s.archive(plan)
	s.apply(plan, a)
	s.up(top)
	restored := s.restore(a)
	for _, table := range tables {
		if diff := cmp.Diff(wanted[table], s.rows(table)); diff != "" {
			s.t.Errorf("%s (-before +restored)\n%s", table, diff)
		}
	}
	return restored
}

func chainAsRole(t *testing.T, pairs ...[2]string) *scene {
	t.Helper()
	s := newScene(t, pgtest.New(t, pgtest.AsRole()), files(t, pairs...))
	s.up(uint64(len(pairs) + 1))
	return s
}

func TestRestoreGivesEveryValueBack(t *testing.T) {
	t.Parallel()
	s := chainAsRole(t, [2]string{
		`CREATE TYPE mood AS ENUM ('sad', 'it''s "fine"'); CREATE DOMAIN small AS int CHECK (VALUE < 10);
		 CREATE TABLE v (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, f float8, r real, n numeric, b bytea, ts timestamptz, i interval, d date, j jsonb, x text[], u uuid, m mood, s small,
		   ip inet, bits bit varying, c "char", mo money, tsv tsvector, reg regclass, range int4range, comp int GENERATED ALWAYS AS (id + 1) STORED, serial serial)`,
		"DROP TABLE v; DROP TYPE mood; DROP DOMAIN small",
	})
	s.exec(`SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -3;
INSERT INTO v (f, r, n, b, ts, i, d, j, x, u, m, s, ip, bits, c, mo, tsv, reg, range) VALUES
 (0.1::float8 + 0.2, 1e-40, 'NaN', '\x00ff5c', '2026-03-29 01:30:00.123456+00', '1 mon -3 days 04:05:06.789', '0044-03-15 BC', '{"a": [1, null, "\u00e9\\n"]}', ARRAY['a,b', NULL, '"', '{}', E'\t'],
  '00000000-0000-0000-0000-000000000001', 'it''s "fine"', 9, '10.0.0.0/8', B'0101', 'x', 12.34, 'a:1 b:2', 'v', '[1,5)'),
 ('Infinity', '-0', 1234567890123456789012345678901234567890.123456789, '', 'infinity', '-1 year', '-infinity', 'null', '{}', NULL, NULL, NULL, '::1', '', '\', -0.01, '', 'pg_class', 'empty');
INSERT INTO v (f) VALUES (NULL); SELECT nextval('v_serial_seq'), nextval('v_id_seq')`)
	s.thereAndBack("v")
	s.exec("INSERT INTO v (f) VALUES (1)")
	if got := pgtest.QueryValue[string](t, s.target, "SELECT max(id) || ' ' || max(serial) FROM v"); got != "5 5" {
		t.Errorf("the sequences go on at %s, want 5 5", got)
	}
}

// Foreign keys hold at every moment, also in a circle and of a table to itself; and no trigger
// of the tables runs, nor stays switched off.
func TestRestoreMindsForeignKeysAndTriggers(t *testing.T) {
	t.Parallel()
	s := chainAsRole(t, [2]string{
		`CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, c int REFERENCES c); CREATE TABLE a (id int PRIMARY KEY, b int REFERENCES b);
		 CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
		 CREATE TABLE hen (id int PRIMARY KEY, egg int); CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen);
		 ALTER TABLE hen ADD CONSTRAINT from_egg FOREIGN KEY (egg) REFERENCES egg;
		 CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.id := NEW.id + 1000; RETURN NEW; END';
		 CREATE TRIGGER spoils BEFORE INSERT ON tree FOR EACH ROW EXECUTE FUNCTION spoil(); CREATE TRIGGER always BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION spoil();
		 CREATE TRIGGER never BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION spoil(); ALTER TABLE a ENABLE ALWAYS TRIGGER always; ALTER TABLE b DISABLE TRIGGER never`,
		`DROP TABLE a; DROP TABLE b; DROP TABLE c; DROP TABLE tree; ALTER TABLE hen DROP CONSTRAINT from_egg; DROP TABLE egg; DROP TABLE hen; DROP FUNCTION spoil`,
	})
	s.exec(`INSERT INTO c VALUES (1), (2); INSERT INTO b VALUES (1, 2), (2, 1); INSERT INTO a VALUES (1, 1), (2, 2);
INSERT INTO tree VALUES (3, NULL), (2, 1003), (1, 1002); INSERT INTO hen VALUES (1, NULL), (2, NULL); INSERT INTO egg VALUES (1, 1), (2, 2); UPDATE hen SET egg = 3 - id`)
	before, err := pg.TakeSnapshot(t.Context(), s.work, pg.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.thereAndBack("a", "b", "c", "tree", "hen", "egg")
	after, err := pg.TakeSnapshot(t.Context(), s.work, pg.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pg.Diff(before, after) {
		t.Errorf("the schema is not as before: %s", c)
	}
}

func TestRestoreGivesColumnsOfATableThatStayedTheirValuesBack(t *testing.T) {
	t.Parallel()
	s := chainAsRole(t,
		[2]string{"CREATE TABLE t (a int, b text, note text, PRIMARY KEY (b, a))", "SELECT 1"},
		[2]string{"ALTER TABLE t ADD extra text, ADD more jsonb", "ALTER TABLE t DROP extra, DROP more"},
	)
	s.exec(`INSERT INTO t SELECT n, 'b', 'old', 'x' || n, CASE WHEN n < 3 THEN '{"n": 1}'::jsonb END FROM generate_series(1, 4) n`)
	plan := s.plan(2)
	a := s.archive(plan)
	s.exec("UPDATE t SET extra = 'late' WHERE a = 4")
	s.apply(plan, a)
	s.exec("UPDATE t SET note = 'new' WHERE a = 1; DELETE FROM t WHERE a = 2; INSERT INTO t VALUES (9, 'b', 'new')")
	s.up(3)
	restored := s.restore(a)
	want := []string{`(1,b,new,x1,"{""n"": 1}")`, "(3,b,old,x3,)", "(4,b,old,late,)", "(9,b,new,,)"}
	if diff := cmp.Diff(want, s.rows("t")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(restored.Columns) != 1 || restored.Columns[0].Rows != 3 {
		t.Errorf("put back: %+v", restored.Columns)
	}
}

func TestRestoreRefusesWhatItCannotDoWhole(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int); CREATE TABLE u (n int)", "DROP TABLE t; DROP TABLE u"})
	s.exec("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)")
	plan := s.plan(1)
	a := s.archive(plan)
	s.apply(plan, a)
	saved, err := rollback.ReadArchive(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rollback.Restore(t.Context(), s.work, saved)
	contains(t, []string{explain(mustFail(t, err, ops.ExitRefused))}, "table t is not there", "clipperops migrate", "nothing was put back")

	s.up(2)
	s.exec("INSERT INTO u VALUES (2)")
	_, err = rollback.Restore(t.Context(), s.work, saved)
	contains(t, []string{explain(mustFail(t, err, ops.ExitRefused))}, "there are rows already", "u has 1 row", "nothing was put back")
	if n := len(s.rows("t")); n != 0 {
		t.Errorf("%d rows were put back all the same", n)
	}

	s.exec("DELETE FROM u; ALTER TABLE u ADD CONSTRAINT big CHECK (n > 5)")
	_, err = rollback.Restore(t.Context(), s.work, saved)
	contains(t, []string{explain(mustFail(t, err, ops.ExitFailed))}, "putting back u", "big")
	if n := len(s.rows("t")); n != 0 {
		t.Errorf("%d rows were put back all the same", n)
	}
}

// Rows that the down file deletes from a table that stays are in the archive, and a person
// decides about them.
func TestRestoreLeavesTablesThatStayedToAPerson(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int)", "DELETE FROM t"})
	s.exec("INSERT INTO t VALUES (1)")
	plan := s.plan(1)
	a := s.archive(plan)
	s.apply(plan, a)
	restored := s.restore(a)
	if len(restored.Left) != 1 || restored.Left[0].Name != "t" || restored.Rows() != 0 {
		t.Errorf("%+v", restored)
	}
	lines, err := a.TableRows(a.Manifest.Tables[0])
	if err != nil || len(lines) != 1 || lines[0] != "1" {
		t.Errorf("rows %q, %v", lines, err)
	}
}

// A rollback that stopped half way: what it did not come to is still there, and stays so; what
// it took of that is put back.
func TestRestoreAfterARollbackThatStoppedHalfWay(t *testing.T) {
	t.Parallel()
	s := chain(t,
		[2]string{"CREATE TABLE low (id serial PRIMARY KEY); CREATE TABLE lower (id serial PRIMARY KEY)", "DROP TABLE low, lower; SELECT 1/0"},
		[2]string{"CREATE TABLE high (id serial PRIMARY KEY); ALTER TABLE low ADD extra int", "DROP TABLE high; ALTER TABLE low DROP extra"},
	)
	s.exec("INSERT INTO low SELECT FROM generate_series(1, 3); UPDATE low SET extra = 7; INSERT INTO high SELECT FROM generate_series(1, 4); INSERT INTO lower DEFAULT VALUES")
	rows := s.rows("high")
	plan := s.plan(1)
	a := s.archive(plan)
	if _, err := s.tryApply(plan, a, quick()); err == nil {
		t.Fatal("the second file did not fail")
	}
	s.exec("INSERT INTO low VALUES (100)")
	s.up(3)
	restored := s.restore(a)
	if diff := cmp.Diff(rows, s.rows("high")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"(1,7)", "(100,)", "(2,7)", "(3,7)"}, s.rows("low")); diff != "" {
		t.Error(diff)
	}
	if len(restored.Standing) != 1 || restored.Standing[0].Name != "lower" {
		t.Errorf("left alone: %v", restored.Standing)
	}
}
