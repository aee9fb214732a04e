package rehearsal

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

// TestFileOfManyStatementsIsMeasuredInPart: what was not looked at is told of the next
// statement that is, and its locks from the first one on.
func TestFileOfManyStatementsIsMeasuredInPart(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, "CREATE TABLE late (id int)")
	var up strings.Builder
	const n = 300
	for i := range n {
		fmt.Fprintf(&up, "CREATE TABLE t%d (id int);\n", i)
	}
	up.WriteString("ALTER TABLE late ADD COLUMN x int;\nSELECT 1;\nSELECT 2;")
	src, err := migrate.ReadSource(fstest.MapFS{"1_a.up.sql": {Data: []byte(up.String())}, "1_a.down.sql": {Data: []byte("SELECT 1;")}}, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := migrate.PlanUp(src, migrate.State{Schema: "public", Version: -1}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Run(t.Context(), Input{Clone: clone, Plan: plan, dear: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	f := o.Passes[0].Files[0]
	made, looked := 0, 0
	for _, s := range f.Statements {
		made += len(s.Made)
		if len(s.Made) > 0 {
			looked++
		}
	}
	if made != n || looked == n || len(f.Statements) != n+3 {
		t.Errorf("%d tables made by %d of %d statements", made, looked, len(f.Statements))
	}
	if len(f.Locks) != 1 || f.Locks[0].Mode != AccessExclusive || f.Locks[0].Statement > n || f.Locks[0].Held <= 0 || f.Locks[0].Held > f.Took {
		t.Errorf("%+v", f.Locks)
	}
}
