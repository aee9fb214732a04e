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
		"a procedure made and called": {
			"", "CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_cancel_backend(1); END $$;\nCALL ends();", "", "ends()",
		},
		"a procedure that calls one made behind it": {
			"", "SELECT 1;\nCALL early(); CREATE PROCEDURE early() LANGUAGE plpgsql AS $$ BEGIN PERFORM late(); END $$; CREATE FUNCTION late() RETURNS bool LANGUAGE sql AS 'SELECT pg_cancel_backend(1)';", "", "early()",
		},
		"a standard body": {
			"CREATE FUNCTION ends() RETURNS bool LANGUAGE sql BEGIN ATOMIC SELECT pg_cancel_backend(1); END;", "\nSELECT ends();", "", "ends()",
		},
		"a standard RETURN":   {"CREATE FUNCTION ends() RETURNS bool LANGUAGE sql RETURN pg_cancel_backend(1);", "\nSELECT ends();", "", "ends()"},
		"a view":              {"CREATE VIEW v AS SELECT pg_cancel_backend(1) AS x; CREATE VIEW w AS SELECT x FROM v;", "\nSELECT * FROM w;", "", "view w"},
		"a materialized view": {"CREATE MATERIALIZED VIEW m AS SELECT pg_cancel_backend(1) AS x WITH NO DATA;", "\nREFRESH MATERIALIZED VIEW m;", "", "materialized view m, whose query leads to pg_cancel_backend()"},
		"a rule": {
			"CREATE TABLE a (id int); CREATE RULE r AS ON DELETE TO a DO ALSO SELECT pg_reload_conf();", "\nDELETE FROM a;", "", "table a, which has a rule that leads to pg_reload_conf()",
		},
		"a default":           {"CREATE TABLE a (id int, x bool DEFAULT pg_reload_conf());", "\nINSERT INTO a VALUES (1);", "", "table a, which has a default that leads to pg_reload_conf()"},
		"a new default":       {"CREATE TABLE a (id int);", "\nALTER TABLE a ADD COLUMN x bool DEFAULT pg_reload_conf();", "", "pg_reload_conf()"},
		"a check":             {"CREATE TABLE a (id int CHECK (pg_reload_conf()));", "\nINSERT INTO a VALUES (1);", "", "table a, which has a check that leads to pg_reload_conf()"},
		"a check validated":   {"CREATE TABLE a (id int); ALTER TABLE a ADD CONSTRAINT c CHECK (pg_reload_conf()) NOT VALID;", "\nALTER TABLE a VALIDATE CONSTRAINT c;", "", "table a, which has a check"},
		"a domain's check":    {"CREATE DOMAIN d AS int CHECK (pg_reload_conf()); CREATE TABLE a (id d);", "\nINSERT INTO a VALUES (1);", "", "table a, which has a check"},
		"a policy":            {"CREATE TABLE a (id int); CREATE POLICY p ON a USING (pg_reload_conf());", "\nUPDATE a SET id = 1;", "", "table a, which has a policy"},
		"a foreign partition": {"CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE TABLE a (id int) PARTITION BY RANGE (id); CREATE FOREIGN TABLE far PARTITION OF a FOR VALUES FROM (1) TO (2) SERVER s;", "\nSELECT * FROM a;", "", "table a, part of which is table far"},
		"an aggregate": {
			"CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql AS 'SELECT pg_cancel_backend(1)::int'; CREATE AGGREGATE total(int) (SFUNC = step, STYPE = int);", "\nSELECT total(1);", "", "total()",
		},
		"an event trigger": {
			"CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_switch_wal(); END $$; CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION f();",
			"\nCREATE SEQUENCE s;", "", "the event trigger e, which calls f()",
		},
		"a foreign schema":        {"CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;", "\nIMPORT FOREIGN SCHEMA public FROM SERVER s INTO public;", "", "IMPORT FOREIGN SCHEMA"},
		"a foreign schema, in DO": {"", "\nDO $$ BEGIN EXECUTE 'IMPORT FOREIGN SCHEMA public FROM SERVER s INTO public'; END $$;", "", "IMPORT FOREIGN SCHEMA"},
		"an untrusted language":   {"", "\nDO LANGUAGE plpython3u $$ import os $$;", "", "code in an untrusted language"},
		"the way back":            {"", "SELECT 1;", "\n" + kill, "pg_terminate_backend()"},
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
	pgtest.Exec(t, clone, "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (id int) SERVER s; CREATE TABLE a (id int);"+
		"CREATE FUNCTION helper() RETURNS bool LANGUAGE sql AS 'SELECT pg_reload_conf()'; CREATE MATERIALIZED VIEW m AS SELECT pg_cancel_backend(1) AS x WITH NO DATA;"+
		"CREATE FUNCTION grants() RETURNS void LANGUAGE plpgsql AS $$ BEGIN REVOKE ALL ON FUNCTION public.helper() FROM PUBLIC; END $$;"+
		"CREATE TABLE b (id int, x bool DEFAULT pg_reload_conf() CHECK (pg_reload_conf()));")
	whole(t, rehearse(t, forward(t, clone, chainOf(t, [2]string{
		"CREATE FUNCTION ends() RETURNS bool LANGUAGE sql AS 'SELECT pg_cancel_backend(1)';\nCOMMENT ON TABLE a IS 'ask pg_reload_conf';\n" +
			"ALTER FOREIGN TABLE far ADD COLUMN x int;\nCOPY a FROM stdin;\n1\n\\.\n" +
			"COMMENT ON FUNCTION helper() IS 'calls pg_reload_conf()';\nSELECT grants();\nALTER TABLE b ADD COLUMN y int;\nCOMMENT ON MATERIALIZED VIEW m IS 'x';",
		"COMMENT ON MATERIALIZED VIEW m IS NULL;\nALTER TABLE b DROP COLUMN y;\nGRANT ALL ON FUNCTION helper() TO PUBLIC;\nCOMMENT ON FUNCTION helper() IS NULL;\nDELETE FROM a;\nALTER FOREIGN TABLE far DROP COLUMN x;\nCOMMENT ON TABLE a IS NULL;\nDROP FUNCTION ends();",
	}))), thrice...)
}
