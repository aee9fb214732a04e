package pgtest_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t)
	pgtest.Exec(t, a, "CREATE TABLE only_here (n int); INSERT INTO only_here VALUES (7)")
	if got := pgtest.QueryValue[int](t, a, "SELECT n FROM only_here"); got != 7 {
		t.Errorf("n = %d, want 7", got)
	}
	if pgtest.QueryValue[bool](t, b, "SELECT to_regclass('only_here') IS NOT NULL") {
		t.Error("a table of one test's database is seen in another's")
	}
}

func TestClipperDatabasesAreAtVersionTenAndClean(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	if got := pgtest.QueryValue[int64](t, target, "SELECT version FROM schema_migrations WHERE NOT dirty"); got != 10 {
		t.Errorf("version %d, want 10", got)
	}
}

func TestAsRoleWorksAsAnOwnerWhoIsNoSuperuser(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	if pgtest.QueryValue[bool](t, target, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") {
		t.Error("the role is a superuser")
	}
	pgtest.Exec(t, target, "ALTER TABLE users ADD COLUMN mine int")
	pgtest.Exec(t, target, "CREATE TABLE made_by_me (n int)")
}

func TestStartServerIsAServerOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := pgtest.StartServer(t, map[string]string{"work_mem": "5MB"})
	if got := pgtest.QueryValue[string](t, s.Target("postgres"), "SHOW work_mem"); got != "5MB" {
		t.Errorf("work_mem = %s", got)
	}
	if s.Port == int(pgtest.Shared(t).Port) {
		t.Error("it is the shared server")
	}
}
