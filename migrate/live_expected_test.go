package migrate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

// running applies a file that calls slowly under what the rehearsal made expected, lets it
// end once that is told of it while it runs, and returns what was told last.
func running(t *testing.T, body string, is func(migrate.Event) bool, expected ...migrate.Expected) migrate.Event {
	t.Helper()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE users (id int); INSERT INTO users VALUES (1)")
	open := gate(t, target)
	p, err := migrate.PlanUp(source(t, map[string]string{"000001_a": body}), clean(-1), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told *migrate.Event
	o := migrate.ApplyOptions{OnEvent: func(e migrate.Event) {
		if e.Kind == migrate.Running && told == nil && is(e) {
			told = &e
			open()
		}
	}}
	// What is never told would not end.
	o.StatementTimeout = 3 * time.Minute
	must(t)(migrate.Apply(t.Context(), target, p, noBackup, migrate.Rehearsal{PlanSHA256: p.SHA256, Expected: expected}, o))
	return *told
}

// first is whatever is told first.
func first(migrate.Event) bool { return true }

func TestALongFileIsToldWithWhatTheRehearsalExpects(t *testing.T) {
	t.Parallel()
	e := running(t, "SELECT slowly(1);", first,
		migrate.Expected{Version: 2, Statement: -1, Took: time.Second}, migrate.Expected{Version: 1, Statement: 0, Took: time.Second},
		migrate.Expected{Version: 1, Statement: -1, Took: 40 * time.Minute})
	if e.Expected != 40*time.Minute || e.Left <= 30*time.Minute || e.Left >= 40*time.Minute-500*time.Millisecond {
		t.Errorf("expected %s, left %s", e.Expected, e.Left)
	}
	if !strings.HasPrefix(e.Text, "000001 runs for about ") || !strings.Contains(e.Text, " s of about 40 min") {
		t.Error(e.Text)
	}
}

func TestAFileThatTakesLongerThanExpected(t *testing.T) {
	t.Parallel()
	e := running(t, "SELECT slowly(1);", first, migrate.Expected{Version: 1, Statement: -1, Took: 500 * time.Millisecond})
	if e.Expected != 500*time.Millisecond || e.Left != 0 || !strings.Contains(e.Text, ", about 0.50 s were expected") {
		t.Errorf("%+v", e)
	}
}

func TestAStatementThatRunsByItselfHasItsOwnExpectation(t *testing.T) {
	t.Parallel()
	second := func(e migrate.Event) bool { return e.Statement == 1 } // a busy server may take long over the first, too
	e := running(t, "VACUUM users;\nCREATE INDEX CONCURRENTLY users_id ON users (slowly(id));", second,
		migrate.Expected{Version: 1, Statement: -1, Took: time.Hour}, migrate.Expected{Version: 1, Statement: 1, Took: 30 * time.Minute})
	if e.Expected != 30*time.Minute || !strings.Contains(e.Text, "statement 2 of 2 runs for about ") ||
		!strings.Contains(e.Text, " of about 30 min: ") {
		t.Errorf("%+v", e)
	}
}

// TestTheServersCountsHaveTheirUnit guards against "1,200 of 5,000" of nobody knows what,
// and against an estimate that goes once the server counts.
func TestTheServersCountsHaveTheirUnit(t *testing.T) {
	t.Parallel()
	counted := func(e migrate.Event) bool { return e.Total > 0 }
	e := running(t, "CREATE INDEX users_id ON users (slowly(id)) WHERE slowly(id) > 0;", counted,
		migrate.Expected{Version: 1, Statement: -1, Took: 30 * time.Minute})
	if e.Unit != ops.UnitBlocks && e.Unit != ops.UnitRows || e.Left == 0 {
		t.Errorf("%+v", e)
	}
}
