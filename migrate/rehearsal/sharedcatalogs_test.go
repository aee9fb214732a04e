package rehearsal_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// TestWhatDatabasesShareIsNotChangedFromAClone: a role made on the clone is made for the
// database itself, when the server is the same.
func TestWhatDatabasesShareIsNotChangedFromAClone(t *testing.T) {
	t.Parallel()
	other := pgtest.New(t)
	role := strings.ToLower("made_by_a_rehearsal_" + rand.Text()[:8])
	for name, c := range map[string]struct{ up, what string }{
		"a role":                {"CREATE TABLE a (id int);\nCREATE ROLE " + role + ";", "(roles)"},
		"a role, in code":       {"SELECT 1;\nDO $$ BEGIN EXECUTE 'CREATE ROLE " + role + "'; END $$;", "(roles)"},
		"a membership":          {"SELECT 1;\nGRANT pg_monitor TO pg_signal_backend;", "(roles)"},
		"a setting":             {fmt.Sprintf("SELECT 1;\nALTER DATABASE %s SET work_mem = '5MB';", other.Database), "(settings of roles and databases)"},
		"another's grants":      {fmt.Sprintf("SELECT 1;\nGRANT CREATE ON DATABASE %s TO pg_monitor;", other.Database), "(databases)"},
		"another's comment":     {fmt.Sprintf("SELECT 1;\nCOMMENT ON DATABASE %s IS 'x';", other.Database), "(comments on roles and databases)"},
		"a database":            {"\nCREATE DATABASE " + role + ";", "(databases)"},
		"the server's settings": {"\nALTER SYSTEM SET work_mem = '5MB';", "(settings of the server)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := pgtest.New(t)
			o, err := rehearsal.Run(t.Context(), forward(t, clone, chainOf(t, [2]string{c.up, "SELECT 1;"})))
			if ops.CodeOf(err) != ops.ExitRefused {
				t.Fatalf("%v", err)
			}
			for _, text := range []string{"000001_step.up.sql:2 changes what all databases of a server share " + c.what, "--rehearse-on local"} {
				if !strings.Contains(show(err), text) {
					t.Errorf("%q is not in\n%s", text, show(err))
				}
			}
			if len(o.Passes) != 1 || len(o.Passes[0].Files) != 0 || o.Passes[0].Failure != nil {
				t.Errorf("%+v", o.Passes)
			}
			if got := stateOf(t, clone); got.Version != -1 {
				t.Errorf("the clone is at %s", got)
			}
			if n := pgtest.QueryValue[int](t, clone, "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = $1) + (SELECT count(*) FROM pg_database WHERE datname = $1)", role); n != 0 {
				t.Error("it was made all the same")
			}
		})
	}
}

// TestWhatGoesWithTheClone may be changed: the clone itself, and on a server that is
// thrown away everything.
func TestWhatGoesWithTheClone(t *testing.T) {
	t.Parallel()
	whole(t, rehearse(t, forward(t, pgtest.New(t), chainOf(t, [2]string{
		"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO pg_monitor', current_database()); END $$;",
		"DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM pg_monitor', current_database()); END $$;",
	}))), thrice...)

	role := strings.ToLower("made_by_a_rehearsal_" + rand.Text()[:8])
	in := forward(t, pgtest.New(t), chainOf(t, [2]string{"CREATE ROLE " + role, "DROP ROLE " + role}))
	in.OwnServer, in.Again = true, false
	whole(t, rehearse(t, in), rehearsal.There, rehearsal.Back)
}
