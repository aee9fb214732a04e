package sqlscan_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sqlscan"
)

// TestServerAgreesWhereStatementsEnd runs texts full of traps on a real server, as
// one simple query, and compares how many statements it found.
func TestServerAgreesWhereStatementsEnd(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t)).PgConn()
	for _, body := range []string{
		"SELECT 1; SELECT 2 -- ; 3\n; ; /* ; /* ; */ ; */ SELECT 3",
		"SELECT 'a;'';', E'\\';''', U&'\\003b;', B'01', X'ff', N';', $$;$$, $x$;$$;$x$ ; SELECT 2",
		"SELECT E'a'\n'\\';' ; SELECT 2",
		"SELECT E'a' -- ;\n '\\';' ; SELECT 2",
		`SELECT 1 AS "a;""b", 2 AS U&"\003b;"; SELECT 2`,
		"SELECT 1 AS a$b$; SELECT 2 AS c$b$;",
		"SELECT 1+-- ;\n2, 2*/* ; */3; SELECT 4",
		"SELECT 1.5e3, .5, E'a;'; SELECT 2",
		"CREATE TEMP TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3",
		"CREATE FUNCTION pg_temp.f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 2; END; SELECT 3",
		"CREATE FUNCTION pg_temp.g(begin int) RETURNS int LANGUAGE sql AS $body$ SELECT 1; $body$; SELECT 3",
		"SELECT 1 AS begin; SELECT 2 AS atomic; SELECT (CASE WHEN (true) THEN 1 END);",
		"DO $$ BEGIN PERFORM 1; PERFORM 2; END $$; SELECT 1;",
		"SELECT 1\r; SELECT 2\r\n;\fSELECT 3",
		"PREPARE p AS SELECT $1::int; EXECUTE p(1); DEALLOCATE p",
		"SELECT '\u00e9;', \"\u00e9\" FROM (SELECT 1 AS \u00e9) x; SELECT 2",
	} {
		statements, err := sqlscan.Split(body)
		if err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		results, err := conn.Exec(t.Context(), body).ReadAll()
		if err != nil {
			t.Errorf("%q: the server says %v", body, err)
			continue
		}
		if len(results) != len(statements) {
			t.Errorf("%q: the server found %d statements, we %d: %q", body, len(results), len(statements), texts(statements))
		}
	}
}
