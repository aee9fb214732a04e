package rehearsal_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// manyStatements is one file on a schema that is there.
func manyStatements(t testing.TB, n int) *migrate.Source {
	var up strings.Builder
	for i := range n {
		fmt.Fprintf(&up, "ALTER TABLE t%d ADD COLUMN c%d int;\n", i%100, i)
	}
	return sourceOf(t, fstest.MapFS{"1_a.up.sql": {Data: []byte(up.String())}, "1_a.down.sql": {Data: []byte("SELECT 1;")}})
}

const hundredTables = `DO $$ BEGIN FOR i IN 0..99 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int UNIQUE, b text)', i); END LOOP; END $$`

// TestMeasuringAStatementIsCheap: without that nobody would rehearse. It grows with what the
// file holds: 0.3 ms with a few tables on an idle machine, 1.5 with hundreds. The bound is far
// above that, and below one query for each table, however busy the machine is.
func TestMeasuringAStatementIsCheap(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, hundredTables)
	const n = 300
	in := forward(t, clone, manyStatements(t, n))
	in.Back = nil
	conn := pgtest.Connect(t, clone)
	started := time.Now()
	for range n * 10 {
		if _, err := conn.Exec(t.Context(), "SELECT count(*) FROM pg_locks WHERE relation = 't0'::regclass"); err != nil {
			t.Fatal(err)
		}
	}
	queries := time.Since(started) / n * 10 // as many as there are tables
	started = time.Now()
	o := rehearse(t, in)
	whole(t, o, rehearsal.There)
	each := (time.Since(started) - o.Passes[0].Took) / n
	t.Logf("measuring a statement takes %s, a query for each table %s", each, queries)
	if each > queries {
		t.Errorf("measuring a statement takes %s, a query for each table %s", each, queries)
	}
	if locks := o.Passes[0].Files[0].Locks; len(locks) != 100 {
		t.Errorf("%d locks", len(locks))
	}
}

func BenchmarkMeasuredStatement(b *testing.B) {
	clone := pgtest.New(b)
	pgtest.Exec(b, clone, hundredTables)
	in := forward(b, clone, manyStatements(b, b.N))
	in.Back = nil
	b.ResetTimer()
	started := time.Now()
	o := rehearse(b, in)
	whole(b, o, rehearsal.There)
	b.ReportMetric(float64((time.Since(started)-o.Passes[0].Took).Microseconds())/float64(b.N), "µs-measuring/op")
}
