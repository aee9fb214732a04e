package rehearsal_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

const sizedTables = `
CREATE TABLE counted AS SELECT i, repeat('x', 100) AS t FROM generate_series(1, 5000) i;
CREATE TABLE uncounted WITH (autovacuum_enabled = off) AS SELECT i FROM generate_series(1, 5000) i;
CREATE TABLE empty (id int);
CREATE TABLE parts (i int) PARTITION BY RANGE (i);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (i);
CREATE TABLE parts_1_1 PARTITION OF parts_1 FOR VALUES FROM (0) TO (500);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (3000);
INSERT INTO parts SELECT i FROM generate_series(0, 499) i;
INSERT INTO parts SELECT i FROM generate_series(1000, 2999) i;
CREATE SCHEMA other;
CREATE TABLE other.counted AS SELECT i FROM generate_series(1, 10) i;
CREATE MATERIALIZED VIEW seen AS SELECT * FROM counted;
CREATE VIEW through AS SELECT * FROM counted;
ANALYZE counted, parts, parts_1_1, parts_2, other.counted, seen;`

func TestSizes(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, sizedTables)
	conn := pgtest.Connect(t, target)
	sizes, err := rehearsal.ReadSizes(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string]int64{
		"counted": 5000, "uncounted": -1, "parts": 2500, "parts_1": 500, "parts_1_1": 500, "parts_2": 2000, "other.counted": 10, "seen": 5000,
	} {
		if s, ok := sizes[name]; !ok || s.Rows != rows || s.Bytes <= 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s, ok := sizes["empty"]; !ok || s.Bytes != 0 || s.Rows > 0 {
		t.Errorf("%+v", s)
	}
	if s := sizes["counted"]; s.Bytes < 5000*100 || s.Bytes > 5000*200 {
		t.Errorf("%+v", s)
	}
	if sizes["parts"].Bytes != sizes["parts_1"].Bytes+sizes["parts_2"].Bytes || len(sizes) != 9 {
		t.Errorf("%v", sizes)
	}
	if conn.PgConn().TxStatus() != 'I' {
		t.Error("a transaction is left open")
	}
}

// TestSizesOfALockedTable are those that were noted last: nobody is waited for.
func TestSizesOfALockedTable(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, sizedTables)
	conn := pgtest.Connect(t, target)
	before, err := rehearsal.ReadSizes(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.HoldTable(t, target, "counted", "ACCESS EXCLUSIVE")
	sizes, err := rehearsal.ReadSizes(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if s := sizes["counted"]; s.Rows != 5000 || s.Bytes < before["counted"].Bytes/2 || len(sizes) != len(before) {
		t.Errorf("%+v, was %+v", s, before["counted"])
	}
}

// TestExpected is what apply tells its progress with: each file, then its statements.
func TestExpected(t *testing.T) {
	t.Parallel()
	o := rehearse(t, forward(t, pgtest.New(t), chainOf(t,
		[2]string{"SELECT pg_sleep(0.1);\nSELECT 1;", "SELECT 1;"},
		[2]string{"CREATE TABLE a (id int);", "DROP TABLE a;"},
	)))
	e := o.Expected()
	if len(e) != 5 {
		t.Fatalf("%+v", e)
	}
	for i, want := range []migrate.Expected{{Version: 1, Statement: -1}, {Version: 1, Statement: 0}, {Version: 1, Statement: 1}, {Version: 2, Statement: -1}, {Version: 2, Statement: 0}} {
		if e[i].Version != want.Version || e[i].Statement != want.Statement || e[i].Took <= 0 {
			t.Errorf("%d: %+v", i, e[i])
		}
	}
	if e[0].Took < e[1].Took+e[2].Took || e[1].Took < e[2].Took {
		t.Errorf("%+v", e)
	}
	if got := new(rehearsal.Outcome).Expected(); got != nil {
		t.Errorf("%+v", got)
	}
}
