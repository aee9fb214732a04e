package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

// handOverSQL gives every table, view, sequence and function of schema public
// to the database's owner, as if the owner had made them.
const handOverSQL = `
DO $$
DECLARE
    owner text := (SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE datname = current_database());
    it record;
BEGIN
    EXECUTE format('ALTER SCHEMA public OWNER TO %I', owner);
    FOR it IN SELECT c.oid::regclass AS name FROM pg_class c
              WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i', 'e')) LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %I', it.name, owner);
    END LOOP;
    FOR it IN SELECT oid::regprocedure AS name FROM pg_proc p
              WHERE pronamespace = 'public'::regnamespace
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %I', it.name, owner);
    END LOOP;
END $$`

// handOver gives the database to the role and returns the target as that role.
func handOver(t testing.TB, target, role config.Target) config.Target {
	t.Helper()
	Exec(t, Shared(t), "ALTER DATABASE "+quoted(target.Database)+" OWNER TO "+quoted(role.User))
	Exec(t, target, handOverSQL)
	target.User, target.Password = role.User, role.Password
	return target
}

// NewRole makes a role on the shared server with the given attributes (e.g.
// "CREATEDB"), who may log in and is no superuser unless they say so, and
// returns the server's target as that role. It is dropped at the end of the
// test, after the databases made later than it.
func NewRole(t testing.TB, attributes string) config.Target {
	t.Helper()
	server := Shared(t)
	role := server
	role.User, role.Password = name("role"), config.Secret(rand.Text())
	Exec(t, server, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' %s", quoted(role.User), role.Password.Reveal(), attributes))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := onServer(ctx, server, "DROP ROLE IF EXISTS "+quoted(role.User)); err != nil {
			t.Errorf("dropping the test's role: %v", err)
		}
	})
	return role
}
