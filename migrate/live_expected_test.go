package migrate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

// running applies a file under what the rehearsal made expected, and returns what was
// told of it while it ran.
func running(t *testing.T, body string, expected ...migrate.Expected) []migrate.Event {
	t.Helper()
	target := pgtest.New(t)
	pgtest.Exec(t, target, `CREATE TABLE users (id int); INSERT INTO users VALUES (1);
		CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.8); RETURN $1; END'`)
	p, err := migrate.PlanUp(source(t, map[string]string{"000001_a": body}), clean(-1), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []migrate.Event
	o := migrate.ApplyOptions{OnEvent: func(e migrate.Event) {
		if e.Kind == migrate.Running {
			told = append(told, e)
		}
	}}
	must(t)(migrate.Apply(t.Context(), target, p, noBackup, migrate.Rehearsal{PlanSHA256: p.SHA256, Expected: expected}, o))
	if len(told) == 0 {
		t.Fatal("nothing was told of it")
	}
	return told
}

func TestALongFileIsToldWithWhatTheRehearsalExpects(t *testing.T) {
	t.Parallel()
	told := running(t, "SELECT pg_sleep(1.6);",
		migrate.Expected{Version: 2, Statement: -1, Took: time.Second}, migrate.Expected{Version: 1, Statement: 0, Took: time.Second},
		migrate.Expected{Version: 1, Statement: -1, Took: 40 * time.Second})
	e := told[0]
	if e.Expected != 40*time.Second || e.Left <= 30*time.Second || e.Left >= 39500*time.Millisecond {
		t.Errorf("expected %s, left %s", e.Expected, e.Left)
	}
	if !strings.HasPrefix(e.Text, "000001 runs for about 1.") || !strings.Contains(e.Text, " of about 40 s") {
		t.Error(e.Text)
	}
}

func TestAFileThatTakesLongerThanExpected(t *testing.T) {
	t.Parallel()
	e := running(t, "SELECT pg_sleep(1.6);", migrate.Expected{Version: 1, Statement: -1, Took: 500 * time.Millisecond})[0]
	if e.Expected != 500*time.Millisecond || e.Left != 0 || !strings.Contains(e.Text, ", about 0.50 s were expected") {
		t.Errorf("%+v", e)
	}
}

func TestAStatementThatRunsByItselfHasItsOwnExpectation(t *testing.T) {
	t.Parallel()
	told := running(t, "VACUUM users;\nCREATE INDEX CONCURRENTLY users_id ON users (slowly(id));",
		migrate.Expected{Version: 1, Statement: -1, Took: time.Hour}, migrate.Expected{Version: 1, Statement: 1, Took: 30 * time.Second})
	if e := told[0]; e.Statement != 1 || e.Expected != 30*time.Second || !strings.Contains(e.Text, "statement 2 of 2 runs for about ") ||
		!strings.Contains(e.Text, " of about 30 s: ") {
		t.Errorf("%+v", e)
	}
}

// TestTheServersCountsHaveTheirUnit guards against "1,200 of 5,000" of nobody knows what,
// and against an estimate that goes once the server counts.
func TestTheServersCountsHaveTheirUnit(t *testing.T) {
	t.Parallel()
	told := running(t, "CREATE INDEX users_id ON users (slowly(id)) WHERE slowly(id) > 0;",
		migrate.Expected{Version: 1, Statement: -1, Took: 30 * time.Second})
	counted := 0
	for _, e := range told {
		if e.Total == 0 {
			continue
		}
		counted++
		if e.Unit != ops.UnitBlocks && e.Unit != ops.UnitRows || e.Left == 0 {
			t.Errorf("%+v", e)
		}
	}
	if counted == 0 {
		t.Errorf("nothing was counted: %+v", told)
	}
}
