package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/google/go-cmp/cmp"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestTheLifeOfASandbox(t *testing.T) {
	t.Parallel()
	o := options(t)
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("it is a Clipper at version 10", func(t *testing.T) { isClipper(t, s) })
	t.Run("its .env file leads to it and is private", func(t *testing.T) { envFileLeadsTo(t, s) })
	t.Run("starting it again returns it", func(t *testing.T) {
		again, err := sandbox.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if !again.Already || s.Already {
			t.Errorf("already: first %t, again %t", s.Already, again.Already)
		}
		again.Already = false
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("another sandbox (-first +again):\n%s", diff)
		}
	})
	t.Run("stopping it leaves nothing behind", func(t *testing.T) {
		pid := postmasterPID(t, o.Dir)
		if stopped, err := sandbox.Stop(t.Context(), o); err != nil || !stopped {
			t.Fatalf("stopped %t, error %v", stopped, err)
		}
		if alive(pid) {
			t.Error("the server still runs")
		}
		empty(t, filepath.Dir(o.Dir))
	})
	t.Run("stopping it again says that there is none", func(t *testing.T) {
		if stopped, err := sandbox.Stop(t.Context(), o); err != nil || stopped {
			t.Errorf("stopped %t, error %v", stopped, err)
		}
		if condition, _, err := sandbox.Status(t.Context(), o); err != nil || condition != sandbox.Absent {
			t.Errorf("condition %s, error %v", condition, err)
		}
		empty(t, filepath.Dir(o.Dir))
	})
	t.Run("resetting it then starts it", func(t *testing.T) {
		s, err := sandbox.Reset(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		resetBeginsAnew(t, o, s)
	})
}

func isClipper(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	if got := value[string](t, s.Target, "SELECT version || ' ' || dirty FROM schema_migrations"); got != "10 false" {
		t.Errorf("schema_migrations says %s", got)
	}
	if got := value[int](t, s.Target, "SELECT count(*)::int FROM users"); got != 20 {
		t.Errorf("%d users, want 20", got)
	}
	const role = `SELECT concat_ws(' ', current_user, current_database(), rolsuper, rolcreatedb,
		pg_has_role('pg_read_all_stats', 'member'), (SELECT rolname FROM pg_database d JOIN pg_roles o ON o.oid = datdba WHERE datname = current_database()))
		FROM pg_roles WHERE rolname = current_user`
	if got := value[string](t, s.Target, role); got != "clipper clipper_db f t t clipper" {
		t.Errorf("role, database, superuser, createdb, reads stats, owner = %s", got)
	}
	if got := value[int](t, s.Target, "SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'clipper'"); got != 0 {
		t.Errorf("%d tables do not belong to clipper", got)
	}
	if got := value[int](t, s.Target, "SELECT count(*)::int FROM pg_class WHERE relname = 'users' AND reltuples = 20"); got != 1 {
		t.Error("the tables have not been analyzed")
	}
}

func envFileLeadsTo(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	c, err := config.Load(config.Sources{Flags: config.Flags{EnvFile: s.EnvFile()}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c.Target.Params = nil // what Load adds to every target
	if diff := cmp.Diff(s.Target.URL().Reveal(), c.Target.URL().Reveal()); diff != "" {
		t.Errorf("the .env file leads elsewhere (-sandbox +file):\n%s", diff)
	}
	if c.BackupDir != s.BackupDir() {
		t.Errorf("backups go to %s", c.BackupDir)
	}
	for _, name := range []string{sandbox.EnvFileName, "sandbox.json", "server.log"} {
		info, err := os.Stat(filepath.Join(s.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", name, info.Mode())
		}
	}
	exports := strings.Join(s.Exports(), "\n")
	for _, want := range []string{"export DB_HOST=127.0.0.1", "export DB_PORT=" + itoa(int(s.Target.Port)), "export DB_NAME=clipper_db", "export DB_PASSWORD="} {
		if !strings.Contains(exports, want) {
			t.Errorf("the exports lack %q:\n%s", want, exports)
		}
	}
}

func resetBeginsAnew(t *testing.T, o sandbox.Options, before *sandbox.Sandbox) {
	t.Helper()
	pgtest.Exec(t, before.Target, "CREATE TABLE of_mine (n int); UPDATE schema_migrations SET version = 97")
	held := pgtest.HoldTable(t, before.Target, "users", "ACCESS EXCLUSIVE") // forgotten sessions are no obstacle
	defer held.Release()
	o.Users = 35
	after, err := sandbox.Reset(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if after.Target.URL() != before.Target.URL() || after.PID != before.PID {
		t.Error("it is another server")
	}
	if got := value[string](t, after.Target, "SELECT count(*) || ' ' || (SELECT version FROM schema_migrations) FROM users"); got != "35 10" {
		t.Errorf("users and version are %s", got)
	}
	if value[bool](t, after.Target, "SELECT to_regclass('of_mine') IS NOT NULL") {
		t.Error("a table from before is still there")
	}
}

func TestTheSecondOfTwoStartsAtOnceIsTold(t *testing.T) {
	t.Parallel()
	o := options(t)
	starter, _ := child(t, childOrder{Sandbox: o.Dir, Stay: true})
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = starter.Process.Kill(); _ = starter.Wait() })
	pgtest.Eventually(t, func() bool { return !isGone(filepath.Join(o.Dir, "data")) }, "the first is at work")
	_, err := sandbox.Start(t.Context(), o)
	var f *ops.Failure
	if !errors.As(err, &f) || f.Code != ops.ExitBusy || !strings.Contains(f.What, "pid "+itoa(starter.Process.Pid)) {
		t.Errorf("error %v; want busy, with the other's pid", err)
	}
	pgtest.Eventually(t, func() bool {
		condition, _, err := sandbox.Status(t.Context(), o)
		return err == nil && condition == sandbox.Running
	}, "the first gets ready, undisturbed")
}

func TestCtrlCWhileFillingLeavesNothing(t *testing.T) {
	t.Parallel()
	o := options(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Users = 200_000
	o.Progress = func(p ops.Progress) {
		if p.Done > 0 {
			cancel()
		}
	}
	_, err := sandbox.Start(ctx, o)
	if ops.CodeOf(err) != ops.ExitInterrupted {
		t.Errorf("error %v, want one that means interrupted", err)
	}
	empty(t, filepath.Dir(o.Dir))
}

func TestTheDefaultDirectoryIsTheUsersStateDirectory(t *testing.T) {
	t.Parallel()
	state := openDir(t)
	for _, o := range []sandbox.Options{{StateHome: state, Home: "/nowhere"}, {Home: state}} {
		dir, err := sandbox.DefaultDir(o)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(dir, state+"/") || !strings.HasSuffix(dir, "/clipperops/sandbox") {
			t.Errorf("DefaultDir = %s", dir)
		}
	}
}

func TestTheDefaultDirectoryCanBeReachedByTheServersUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // it is this user's own, and there is nothing to reach
	}
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := sandbox.DefaultDir(sandbox.Options{Home: closed})
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(dir, closed) {
		t.Errorf("DefaultDir = %s, which only root can reach", dir)
	}
	_, err = sandbox.Start(t.Context(), sandbox.Options{Dir: filepath.Join(closed, "box"), PathEnv: os.Getenv("PATH")})
	if err == nil || !strings.Contains(err.Error(), "cannot reach") {
		t.Errorf("error %v; want one that says who cannot reach it", err)
	}
	empty(t, closed)
}

func TestValuesThatCannotBeAreToldBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	o := small(filepath.Join(openDir(t), "box"))
	o.Users, o.Port = -1, 70_000
	for name, start := range map[string]func(context.Context, sandbox.Options) (*sandbox.Sandbox, error){"Start": sandbox.Start, "Reset": sandbox.Reset} {
		_, err := start(t.Context(), o)
		if ops.CodeOf(err) != ops.ExitUsage || !strings.Contains(err.Error(), "-1 users") || !strings.Contains(err.Error(), "port 70000") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	empty(t, filepath.Dir(o.Dir))
}

// Guards against a directory that nobody knows any more when its removal, or the
// very beginning of a start, was cut off.
func TestARemovalThatWasCutOffIsGoneOnWithByTheNextStart(t *testing.T) {
	t.Parallel()
	o := options(t)
	for _, left := range []string{"data/base", ".sandbox.json123"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, left), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "sandbox.json"), []byte(`{"ready":true,"pid":1,"port":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !answers(t, s.Target) {
		t.Error("it does not answer")
	}
}
