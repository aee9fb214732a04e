package rehearsal_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// TestNothingReachesOutOfTheClone guards against a rehearsal that ends sessions, writes
// files or talks to other servers: no rollback takes that back.
func TestNothingReachesOutOfTheClone(t *testing.T) {
	t.Parallel()
	const kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bystander';"
	for name, c := range map[string]struct{ before, up, down, what string }{
		"sessions":            {"", "CREATE TABLE a (id int);\n" + kill, "", "pg_terminate_backend()"},
		"quoted":              {"", "\nSELECT pg_catalog.\"pg_cancel_backend\"(1);", "", "pg_cancel_backend()"},
		"in a DO block":       {"", "\nDO $$ BEGIN PERFORM pg_reload_conf(); END $$;", "", "pg_reload_conf()"},
		"in SQL put together": {"", "\nDO $$ BEGIN EXECUTE 'SELECT pg_rotate_' || 'x', E'\\'pg_rotate_logfile()'; END $$;", "", "pg_rotate_logfile()"},
		"a program":           {"", "\nCOPY (SELECT 1) TO PROGRAM 'touch /tmp/x';", "", "COPY with a program"},
		"a file":              {"", "\nDO $$ BEGIN EXECUTE 'COPY pg_class TO ''/tmp/x'''; END $$;", "", "COPY with a file"},
		"a large object":      {"", "\nSELECT lo_export(1, '/tmp/x');", "", "lo_export()"},
		"another server":      {"", "\nSELECT * FROM dblink('host=x', 'DELETE FROM t') AS t(a int);", "", "dblink()"},
		"a function called": {
			"CREATE FUNCTION ends() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN PERFORM pg_cancel_backend(1); END $f$;" +
				"CREATE FUNCTION outer_one() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN PERFORM ends(); END $f$;",
			"\nSELECT outer_one();", "", "outer_one()",
		},
		"a function made and called": {
			"", "CREATE FUNCTION ends() RETURNS bool LANGUAGE sql AS 'SELECT pg_cancel_backend(1)';\nSELECT ends();", "", "ends()",
		},
		"a foreign table": {
			"CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (id int) SERVER s;",
			"\nDELETE FROM far;", "", "table far",
		},
		"a trigger": {
			"CREATE TABLE a (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM pg_reload_conf(); RETURN NEW; END $f$;" +
				"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();",
			"\nINSERT INTO a VALUES (1);", "", "table a",
		},
		"the way back": {"", "SELECT 1;", "\n" + kill, "pg_terminate_backend()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := pgtest.New(t)
			if c.before != "" {
				pgtest.Exec(t, clone, c.before)
			}
			bystander := pgtest.Connect(t, clone)
			if _, err := bystander.Exec(t.Context(), "SET application_name = 'bystander'"); err != nil {
				t.Fatal(err)
			}
			down := c.down
			if down == "" {
				down = "SELECT 1;"
			}
			o, err := rehearsal.Run(t.Context(), forward(t, clone, chainOf(t, [2]string{c.up, down})))
			if ops.CodeOf(err) != ops.ExitRefused {
				t.Fatalf("%v", err)
			}
			for _, text := range []string{"sql:2 would act outside the clone: " + c.what, "--rehearse-on local"} {
				if !strings.Contains(show(err), text) {
					t.Errorf("%q is not in\n%s", text, show(err))
				}
			}
			if len(o.Passes) != 0 {
				t.Errorf("%d passes were begun", len(o.Passes))
			}
			var one int
			if err := bystander.QueryRow(t.Context(), "SELECT 1", pgx.QueryExecModeSimpleProtocol).Scan(&one); err != nil {
				t.Errorf("the bystander: %v", err)
			}
		})
	}
}

// TestWhatOnlySpeaksOfReachingOut is rehearsed: a helper that is defined and not called,
// a COPY from the file itself, a foreign table that is renamed.
func TestWhatOnlySpeaksOfReachingOut(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (id int) SERVER s; CREATE TABLE a (id int);")
	whole(t, rehearse(t, forward(t, clone, chainOf(t, [2]string{
		"CREATE FUNCTION ends() RETURNS bool LANGUAGE sql AS 'SELECT pg_cancel_backend(1)';\nCOMMENT ON TABLE a IS 'ask pg_reload_conf';\n" +
			"ALTER FOREIGN TABLE far ADD COLUMN x int;\nCOPY a FROM stdin;\n1\n\\.\n",
		"DELETE FROM a;\nALTER FOREIGN TABLE far DROP COLUMN x;\nCOMMENT ON TABLE a IS NULL;\nDROP FUNCTION ends();",
	}))), thrice...)
}
