package pgtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
)

// childVariable makes this test binary a process that makes a database and a
// role and waits to be killed.
const childVariable = "CLIPPEROPS_PGTEST_TEST_CHILD"

// TestChild is no test: it is what another test starts as a process to kill.
func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		return
	}
	target := pgtest.New(t, pgtest.AsRole())
	fmt.Println("made", target.Database, target.User)
	select {}
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t, pgtest.Empty())
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
	for _, table := range []string{"users", "clips", "comments", "clip_submissions"} {
		if pgtest.QueryValue[int](t, target, "SELECT count(*)::int FROM "+table) == 0 {
			t.Errorf("%s is empty", table)
		}
	}
}

func TestModerationDatabasesAreAtVersionNinetySeven(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	if got := pgtest.QueryValue[int64](t, target, "SELECT version FROM schema_migrations WHERE NOT dirty"); got != 97 {
		t.Errorf("version %d, want 97", got)
	}
	pgtest.Exec(t, target, "ALTER TABLE moderation_queue ADD COLUMN mine int; ALTER FUNCTION update_thread_flag_count() RESET ALL")
}

func TestUsersCanBeAsManyAsATestNeeds(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithUsers(3))
	if got := pgtest.QueryValue[int](t, target, "SELECT count(*)::int FROM users"); got != 3 {
		t.Errorf("%d users, want 3", got)
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

func TestDatabasesAndRolesAreDroppedWhoeverIsConnected(t *testing.T) {
	t.Parallel()
	var target config.Target
	t.Run("a test that leaves a connection", func(t *testing.T) {
		target = pgtest.New(t, pgtest.AsRole())
		conn, err := pgx.Connect(t.Context(), target.ConnString())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "BEGIN; CREATE TABLE half (n int)"); err != nil {
			t.Fatal(err)
		}
	})
	server := pgtest.Shared(t)
	const left = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) OR EXISTS (SELECT FROM pg_roles WHERE rolname = $2)"
	if pgtest.QueryValue[bool](t, server, left, target.Database, target.User) {
		t.Error("the database or the role is still there")
	}
}

// Guards against a server that many share filling up with what killed tests left.
func TestWhatAKilledTestLeftOnASharedServerIsDroppedByTheNext(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil).Target("postgres")
	database, role, kill := startChild(t, server)
	const there = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AND EXISTS (SELECT FROM pg_roles WHERE rolname = $2)"
	const gone = "SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = $1) AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = $2)"

	_, _, killOther := startChild(t, server)
	if !pgtest.QueryValue[bool](t, server, there, database, role) {
		t.Fatal("what a living test has made was dropped")
	}
	killOther()
	kill()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int](t, server, "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'pgtest presence'") == 0
	}, "the server notices that the tests are gone")
	startChild(t, server)
	if !pgtest.QueryValue[bool](t, server, gone, database, role) {
		t.Error("what the killed test has made is still there")
	}
}

// startChild starts a process with a test that has made a database and a role.
func startChild(t *testing.T, server config.Target) (database, role string, kill func()) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"=1", pgtest.URLVariable+"="+server.URL().Reveal())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	if _, err := fmt.Fscanf(out, "made %s %s\n", &database, &role); err != nil {
		t.Fatalf("the child says something else: %v", err)
	}
	return database, role, kill
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

func TestAStandbyIsReadOnlyAndFollows(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartServer(t, nil)
	pgtest.Exec(t, primary.Target("postgres"), "CREATE TABLE before (n int)")
	standby := pgtest.Standby(t, primary)
	pgtest.Exec(t, primary.Target("postgres"), "CREATE TABLE after AS SELECT 5 AS n")
	pgtest.CatchUp(t, primary, standby)
	target := standby.Target("postgres")
	if got := pgtest.QueryValue[string](t, target, "SELECT concat_ws(' ', pg_is_in_recovery(), to_regclass('before'), n) FROM after"); got != "t before 5" {
		t.Errorf("in recovery, table, row = %s", got)
	}
	if _, err := pgtest.Connect(t, target).Exec(t.Context(), "CREATE TABLE mine (n int)"); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("writing: %v", err)
	}
}

func TestAHeldTableBlocksUntilItIsReleased(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	held := pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
	conn := pgtest.Connect(t, target)
	if _, err := conn.Exec(t.Context(), "SET lock_timeout = '1ms'"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "ALTER TABLE users ADD COLUMN later int"); err == nil {
		t.Error("the table was not locked")
	}
	if got := pgtest.QueryValue[string](t, target, "SELECT state FROM pg_stat_activity WHERE pid = $1", held.PID); got != "idle in transaction" {
		t.Errorf("the holder is %s", got)
	}
	held.Release()
	held.Release()
	if _, err := conn.Exec(t.Context(), "ALTER TABLE users ADD COLUMN later int"); err != nil {
		t.Error(err)
	}
}
