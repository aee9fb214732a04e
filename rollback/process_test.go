package rollback_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/rollback"
)

// What a test's own program does when it is started once more, as a process that can be
// killed or limited.
const (
	roleVariable = "ROLLBACK_TEST_ROLE"
	urlVariable  = "ROLLBACK_TEST_URL"
	dirVariable  = "ROLLBACK_TEST_DIR"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

var processPair = [2]string{"CREATE TABLE t (n int, pad text); CREATE TABLE u (n int)", "DROP TABLE t; DROP TABLE u"}

// play archives a database, with files that may not grow, or for ever.
func play(role string) int {
	target, err := config.ParseTarget(os.Getenv(urlVariable))
	if err != nil {
		fmt.Println(err)
		return 2
	}
	src, err := readFiles(processPair)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	p, err := rollback.Plan(src, migrate.State{Schema: "public", Table: true, Rows: 1, Version: 2}, 1, nil, true)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	o := rollback.ArchiveOptions{Target: target, Plan: p, Dir: os.Getenv(dirVariable)}
	switch role {
	case "limited":
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 16 << 10, Max: 16 << 10}); err != nil {
			fmt.Println(err)
			return 2
		}
	case "stalled":
		o.Progress = func(ops.Progress) {
			fmt.Println("archiving")
			select {}
		}
	}
	if _, err := rollback.Archive(context.Background(), o); err != nil {
		fmt.Println(explain(err))
		return int(ops.CodeOf(err))
	}
	return 0
}

func (s *scene) process(role string) *exec.Cmd {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, urlVariable+"="+s.target.URL().Reveal(), dirVariable+"="+s.dir)
	return cmd
}

func TestArchiveOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := chain(t, processPair)
	s.exec("INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 20000) n")
	out, _ := s.process("limited").CombinedOutput()
	contains(t, []string{string(out)}, "the rows could not be archived", "the database is as it was", "make room in "+s.dir)
	if left := names(t, s.dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// SIGKILL in the middle of an archive leaves a .partial, which the next run removes, and no
// session that holds the tables.
func TestArchiveKilledLeavesNothingTheNextDoesNotClearUp(t *testing.T) {
	t.Parallel()
	s := chain(t, processPair)
	s.exec("INSERT INTO t SELECT n FROM generate_series(1, 100) n")
	cmd := s.process("stalled")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	partial := names(t, s.dir)
	if len(partial) != 1 || !strings.HasSuffix(partial[0], ".zip.partial") {
		t.Errorf("while it runs there is %v", partial)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int](t, s.target, "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass") == 0
	}, "the server to notice")
	plan := s.plan(1)
	s.apply(plan, s.archive(plan))
	if left := strings.Join(names(t, s.dir), " "); strings.Contains(left, ".partial") {
		t.Errorf("left behind: %s", left)
	}
}

// When late rows cannot be saved, the file that would drop them is undone.
func TestLateRowsThatCannotBeSavedKeepTheirTable(t *testing.T) {
	t.Parallel()
	s := chain(t, lateUp)
	plan := s.plan(1)
	a := s.archive(plan)
	s.exec("INSERT INTO threads VALUES (1, 'late')")
	o := quick()
	o.Engine.OnEvent = func(e migrate.Event) {
		if e.Kind == migrate.FileStarted {
			if err := os.RemoveAll(filepath.Dir(a.Path)); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := s.tryApply(plan, a, o)
	contains(t, []string{explain(mustFail(t, err, ops.ExitFailed))}, "no such file or directory", "version 2, clean")
	if n := len(s.rows("threads")); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}
