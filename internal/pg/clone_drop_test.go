package pg_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// busyAutovacuum is a server whose autovacuum comes at once and takes long.
func busyAutovacuum(t *testing.T) config.Target {
	t.Helper()
	return pgtest.StartServer(t, map[string]string{
		"autovacuum": "on", "autovacuum_naptime": "1s", "autovacuum_vacuum_threshold": "1", "autovacuum_vacuum_scale_factor": "0",
		"autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": "1",
	}).Target("postgres")
}

// creator is a role of its own on a server, which may create databases and owns one.
func creator(t *testing.T, server config.Target) config.Target {
	t.Helper()
	pgtest.Exec(t, server, "CREATE ROLE alice LOGIN CREATEDB PASSWORD 'x'")
	pgtest.Exec(t, server, "CREATE DATABASE hers OWNER alice TEMPLATE template0")
	alice := server.WithDatabase("hers")
	alice.User, alice.Password = "alice", "x"
	return alice
}

// Guards against a clone that stays because the server's own autovacuum is at work in
// it: DROP DATABASE … WITH (FORCE) refuses a role that may not end that.
func TestACloneIsDroppedWhileAutovacuumIsInIt(t *testing.T) {
	t.Parallel()
	server := busyAutovacuum(t)
	alice := creator(t, server)
	c, err := pg.SameServer(alice).Clone(t.Context(), cloneRequest(t, alice))
	if err != nil {
		t.Fatal(explainFailure(err))
	}
	pgtest.Exec(t, c.Target, "CREATE TABLE t AS SELECT n, repeat('x', 500) FROM generate_series(1, 50000) n; DELETE FROM t WHERE n % 2 = 0")
	pgtest.Hold(t, c.Target, "SELECT 1") // and somebody of ours
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int](t, server, "SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'autovacuum worker'", c.Name) > 0
	}, "autovacuum is in the clone")
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(explainFailure(err))
	}
	if pgtest.QueryValue[bool](t, server, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", c.Name) {
		t.Errorf("%s is left", c.Name)
	}
}

// Guards against a message that repeats the name of the database instead of saying who is in it.
func TestACloneThatCannotBeDroppedSaysWhoIsInIt(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil).Target("postgres")
	alice := creator(t, server)
	c, err := pg.SameServer(alice).Clone(t.Context(), cloneRequest(t, alice))
	if err != nil {
		t.Fatal(explainFailure(err))
	}
	theirs := pgtest.Hold(t, server.WithDatabase(c.Name), "SELECT 1") // a superuser's: not ours to end
	err = c.Drop(t.Context())
	f := ops.AsFailure(err)
	if err == nil || strings.Count(f.What, c.Name) != 1 || !strings.Contains(f.What, "user "+server.User) || !strings.Contains(strings.Join(f.Next, "\n"), "clipperops scratch prune") {
		t.Errorf("%s", explainFailure(err))
	}
	theirs.Release()
	if err := c.Drop(t.Context()); err != nil {
		t.Error(explainFailure(err))
	}
}

// Guards against a clone that stays because a file prepared a transaction there.
func TestAPreparedTransactionKeepsNoCloneAlive(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"max_prepared_transactions": "4"}).Target("postgres")
	alice := creator(t, server)
	prepare := func(in config.Target, gid string) {
		pgtest.Exec(t, in, "CREATE TABLE kept (id int)")
		conn := pgtest.Connect(t, in)
		execAll(t, conn, "BEGIN; INSERT INTO kept VALUES (1); PREPARE TRANSACTION '"+gid+"'")
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		pgtest.Eventually(t, func() bool {
			return pgtest.QueryValue[int](t, server, "SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend' AND usename = 'alice' AND application_name = 'pgtest'", in.Database) == 0
		}, "whoever prepared it has gone")
	}
	c, err := pg.SameServer(alice).Clone(t.Context(), cloneRequest(t, alice))
	if err != nil {
		t.Fatal(explainFailure(err))
	}
	prepare(c.Target, "it''s one")
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(explainFailure(err))
	}
	// What a killed run left may be somebody's by now: a prune leaves it alone, and says so.
	left := abandoned(t, alice)
	prepare(alice.WithDatabase(left), "another")
	dropped, kept, err := pg.PruneScratch(t.Context(), alice, pruner, pg.PruneOrphaned)
	if err != nil || len(dropped) != 0 || len(kept) != 1 || !strings.Contains(kept[0].Why, "prepared transaction") {
		t.Errorf("dropped %v, kept %v, %v", dropped, kept, err)
	}
	if gids := pgtest.QueryColumn[string](t, server, "SELECT gid FROM pg_prepared_xacts"); len(gids) != 1 || gids[0] != "another" {
		t.Errorf("prepared are %q", gids)
	}
}
