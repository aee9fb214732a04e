package migrate_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// Guards against sending an operator to the file when it is our own statement that the role
// may not run: the version row is locked, which takes UPDATE.
func TestARightThatOurOwnStatementsLackIsNamed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)")
	role := pgtest.NewRole(t, "")
	role.Database = target.Database
	name := pgx.Identifier{role.User}.Sanitize()
	pgtest.Exec(t, target, "GRANT ALL ON SCHEMA public TO "+name+"; GRANT SELECT, INSERT, DELETE ON schema_migrations TO "+name)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (n int)", "000002_b": "SELECT * FROM secret"})
	_, err := up(t, role, src, 1, migrate.ApplyOptions{})
	grant := `GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."schema_migrations" TO ` + name + ";"
	failure(t, err, ops.ExitFailed, "permission denied for table schema_migrations", grant)

	pgtest.Exec(t, target, grant+"CREATE TABLE secret (n int)")
	_, err = up(t, role, src, 2, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, "permission denied for table secret", "grant the role that migrates what it lacks")
	pgtest.Exec(t, target, "DROP OWNED BY "+name+" CASCADE")
}

// Guards against a temporary table, however it is spelt, that hides a real one of its name
// from the next file.
func TestTemporaryTablesAreGoneForTheNextFile(t *testing.T) {
	t.Parallel()
	for _, create := range []string{
		"CREATE TEMP TABLE t (n int)", "CREATE LOCAL TEMPORARY TABLE t (n int)", "CREATE GLOBAL TEMP TABLE t (n int)",
		"CREATE TABLE pg_temp.t (n int)", "CREATE OR REPLACE TEMP VIEW t AS SELECT 1 AS n", "CREATE OR REPLACE TEMPORARY RECURSIVE VIEW t (n) AS SELECT 1",
	} {
		t.Run(create, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			src := source(t, map[string]string{"000001_a": "CREATE TABLE t (m int)", "000002_b": create, "000003_c": "ALTER TABLE t ADD k int; INSERT INTO t (m) VALUES (1)"})
			must(t)(up(t, target, src, 3, migrate.ApplyOptions{}))
			if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM public.t"); n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// Guards against the advice to put SET TRANSACTION into a file of its own, where it sets
// nothing.
func TestSetTransactionIsToBeTakenOut(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	for _, body := range []string{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a (n int)", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"} {
		_, err := up(t, target, source(t, map[string]string{"000001_a": body}), 1, migrate.ApplyOptions{})
		failure(t, err, ops.ExitFailed, "000001_a.up.sql failed; nothing of it was applied", "25001", "take the statement out", "BEGIN ISOLATION LEVEL")
	}
	at(t, target, -1, false)
}

// Guards against a command that does not work as it is said: rollback needs a target.
func TestTheWayToFinishADownFileNamesItsTarget(t *testing.T) {
	t.Parallel()
	src := source(t, map[string]string{"000001_a": "SELECT 1", "000002_b": "SELECT 1"})
	half := migrate.State{
		Schema: "public", Table: true, Rows: 1, Version: 1, Dirty: true,
		Unfinished: &migrate.Unfinished{Version: 2, Direction: migrate.Down, From: 2, Started: -1},
	}
	_, err := migrate.PlanUp(src, half, 2, nil)
	failure(t, err, ops.ExitRefused, "the down file of version 2 is half done", "clipperops rollback --target 1")
}
