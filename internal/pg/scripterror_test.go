package pg_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestScriptErrorPointsAtTheColumn(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE t (n int CONSTRAINT small CHECK (n < 10), m int UNIQUE)")
	conn := pgtest.Connect(t, target)
	cases := []struct {
		name, body string
		base       int
		want       []string
	}{
		{
			"a table behind REFERENCES, of which the server gives no position",
			"CREATE TABLE a (\n    id int,\n    assigned_to UUID REFERENCES userz(id) ON DELETE SET NULL\n);\nDROP TABLE userz;", 0,
			[]string{
				`line 3: ERROR relation "userz" does not exist (42P01)`,
				"    assigned_to UUID REFERENCES userz(id) ON DELETE SET NULL",
				"                                ^",
			},
		},
		{
			"behind characters of several bytes",
			"-- größer 🎬\nSELECT 'ÄÖÜ 🎬', nothing FROM t", 0,
			[]string{
				`line 2: ERROR column "nothing" does not exist (42703)`,
				"    SELECT 'ÄÖÜ 🎬', nothing FROM t",
				"                    ^",
			},
		},
		{
			"behind tabs",
			"SELECT\n\tn,\tnothing\nFROM t", 0,
			[]string{
				`line 2: ERROR column "nothing" does not exist (42703)`,
				"    n,\tnothing",
				"      \t^",
			},
		},
		{
			"Windows line ends",
			"SELECT n\r\nFROM tt\r\nWHERE n = 1\r\n", 0,
			[]string{
				`line 2: ERROR relation "tt" does not exist (42P01)`,
				"    FROM tt",
				"         ^",
			},
		},
		{
			"a statement further down",
			"SELECT 1;\n\n-- é\nSELECT nothing;\n", len("SELECT 1;\n\n-- é\n"),
			[]string{
				`line 4: ERROR column "nothing" does not exist (42703)`,
				"    SELECT nothing;",
				"           ^",
			},
		},
		{
			"the end of the text",
			"SELECT 1 +\n\n", 0,
			[]string{
				"line 1: ERROR syntax error at end of input (42601)",
				"    SELECT 1 +",
				"              ^",
			},
		},
		{
			"no position but the statement's",
			"SELECT 1;\n  INSERT INTO t VALUES (11);", len("SELECT 1;\n  "),
			[]string{
				`line 2: ERROR new row for relation "t" violates check constraint "small" (23514)`,
				"    INSERT INTO t VALUES (11);",
				"detail: Failing row contains (11, null).",
				"object: constraint small of table public.t",
			},
		},
		{
			"inside a block of code",
			"DO $$\nBEGIN\n  RAISE EXCEPTION 'no' USING HINT = 'try later';\nEND $$", 0,
			[]string{
				"line 1: ERROR no (P0001)",
				"    DO $$",
				"hint: try later",
				"where: PL/pgSQL function inline_code_block line 3 at RAISE",
			},
		},
		{
			"a long line",
			"SELECT " + strings.Repeat("1, ", 100) + "nothing" + strings.Repeat(", 2", 100) + " FROM t", 0,
			[]string{
				`line 1: ERROR column "nothing" does not exist (42703)`,
				"    …" + strings.Repeat("1, ", 40)[120-59:] + "nothing" + strings.Repeat(", 2", 11)[:32] + "…",
				"    " + strings.Repeat(" ", 60) + "^",
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var answer *pgconn.PgError
			if err := conn.PgConn().Exec(t.Context(), c.body[c.base:]).Close(); !errors.As(err, &answer) {
				t.Fatalf("no error of the server: %v", err)
			}
			e := pg.LocateError("000049_queue.up.sql", c.body, c.base, answer)
			if diff := cmp.Diff(c.want, e.Lines()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestScriptErrorInOneLine(t *testing.T) {
	t.Parallel()
	answer := &pgconn.PgError{Severity: "ERROR", Message: "no", Code: "42601", Position: 12}
	e := pg.LocateError("a.sql", "SELECT 1;\nSELECTT 2", 0, answer)
	if got, want := e.Error(), "a.sql:2:2: no (42601)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(e, answer) {
		t.Error("the server's error is not within")
	}
}

func TestScriptErrorWithoutAPlace(t *testing.T) {
	t.Parallel()
	e := pg.LocateError("", "", 0, &pgconn.PgError{Severity: "ERROR", Message: "no", Code: "57014", Position: 3})
	if diff := cmp.Diff([]string{"ERROR no (57014)"}, e.Lines()); diff != "" || e.Line != 0 {
		t.Errorf("line %d, %s", e.Line, diff)
	}
}

// Guards against a position beyond the text, and a script that speaks to the terminal.
func TestScriptErrorOfAnOddScript(t *testing.T) {
	t.Parallel()
	beyond := &pgconn.PgError{Severity: "ERROR", Message: "no", Code: "42601", Position: 1000}
	if e := pg.LocateError("a.sql", "SELECT", 0, beyond); e.Line != 1 || e.Column != 7 {
		t.Errorf("line %d column %d, want 1 and 7", e.Line, e.Column)
	}
	escape := &pgconn.PgError{Severity: "ERROR", Message: "no", Code: "42601", Position: 8}
	e := pg.LocateError("a.sql", "\ufeffSELEC \x1b[2J1", 0, escape)
	if e.Excerpt != "SELEC ·[2J1" || e.Caret != "      ^" {
		t.Errorf("excerpt %q, caret %q", e.Excerpt, e.Caret)
	}
}
