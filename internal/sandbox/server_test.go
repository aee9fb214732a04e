package sandbox_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

func TestAServerIsClosedToEverybodyElse(t *testing.T) {
	t.Parallel()
	s := pgtest.StartServer(t, nil)
	target := s.Target("postgres")
	t.Run("it listens on loopback alone", func(t *testing.T) {
		if got := value[string](t, target, "SHOW listen_addresses"); got != "127.0.0.1" {
			t.Errorf("listen_addresses = %s", got)
		}
	})
	t.Run("it asks for its password", func(t *testing.T) {
		if got := value[string](t, target, "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules"); got != "scram-sha-256" {
			t.Errorf("pg_hba.conf has the methods %s", got)
		}
		wrong := target
		wrong.Password = "wrong"
		if answers(t, wrong) {
			t.Error("a wrong password was accepted")
		}
	})
	t.Run("its socket is in its own directory", func(t *testing.T) {
		if got := value[string](t, target, "SHOW unix_socket_directories"); got != s.Dir {
			t.Errorf("the socket is in %s, want %s", got, s.Dir)
		}
	})
	t.Run("the password is in no argument and no file but the state", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "ps", "-A", "-ww", "-o", "args=").Output()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(out), target.Password.Reveal()) {
			t.Error("ps shows the password")
		}
		if !isGone(filepath.Join(s.Dir, "password")) {
			t.Error("initdb's password file is still there")
		}
	})
	t.Run("it does not run as root", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "ps", "-o", "uid=", "-p", strconv.Itoa(postmasterPID(t, s.Dir))).Output()
		if err != nil {
			t.Fatal(err)
		}
		if uid := strings.TrimSpace(string(out)); uid == "0" {
			t.Error("the server runs as root")
		} else if os.Geteuid() != 0 && uid != strconv.Itoa(os.Geteuid()) {
			t.Errorf("the server runs as uid %s", uid)
		}
	})
}

func postmasterPID(t *testing.T, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestStopLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, err := sandbox.StartServer(t.Context(), pgtest.Options(nil))
	if err != nil {
		t.Fatal(err)
	}
	pid := postmasterPID(t, s.Dir)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(cancelled); err != nil { // also after Ctrl-C
		t.Fatal(err)
	}
	if !isGone(s.Dir) {
		t.Error("the directory is still there")
	}
	if alive(pid) {
		t.Error("the server still runs")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
}

func TestAServerIsRestartedAndResumedAfterAKillWithItsRows(t *testing.T) {
	t.Parallel()
	// Durable, because a crash is what this is about.
	s := pgtest.StartServer(t, map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"})
	target := s.Target("postgres")
	pgtest.Exec(t, target, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
	before := postmasterPID(t, s.Dir)
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if postmasterPID(t, s.Dir) == before {
		t.Error("it is the same process")
	}
	pgtest.Exec(t, target, "INSERT INTO kept VALUES (2)")
	s.Kill()
	if answers(t, target) {
		t.Fatal("it answers after SIGKILL")
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, target, "SELECT sum(n)::int FROM kept"); got != 3 {
		t.Errorf("the rows add up to %d, want 3", got)
	}
	s.Kill() // and Stop, at the end of the test, copes with it
}

func TestASettingTheServerRefusesIsShownWithItsOwnWords(t *testing.T) {
	t.Parallel()
	o := pgtest.Options(map[string]string{"shared_buffers": "plenty"})
	o.Dir = filepath.Join(openDir(t), "pg")
	_, err := sandbox.StartServer(t.Context(), o)
	var f *ops.Failure
	if !errors.As(err, &f) || !strings.Contains(strings.Join(f.Detail, "\n"), `invalid value for parameter "shared_buffers": "plenty"`) {
		t.Errorf("error %v, detail %q", err, f.Detail)
	}
	if !isGone(o.Dir) {
		t.Error("the failed start left its directory")
	}
}

func TestAPortThatIsTakenIsTold(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := pgtest.Options(nil)
	o.Dir, o.Port = filepath.Join(openDir(t), "pg"), l.Addr().(*net.TCPAddr).Port
	_, err = sandbox.StartServer(t.Context(), o)
	if want := "port " + strconv.Itoa(o.Port) + " on 127.0.0.1 is taken"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	if !isGone(o.Dir) {
		t.Error("the failed start left its directory")
	}
}

func TestADirectoryWithOtherThingsInItIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := pgtest.Options(nil)
	o.Dir = openDir(t)
	mine := filepath.Join(o.Dir, "thesis.txt")
	if err := os.WriteFile(mine, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sandbox.StartServer(t.Context(), o)
	if ops.CodeOf(err) != ops.ExitUsage || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("error %v", err)
	}
	if isGone(mine) {
		t.Error("the file was deleted")
	}
}

func TestCtrlCWhileStartingLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := pgtest.Options(nil)
	o.Dir = filepath.Join(openDir(t), "pg")
	done := make(chan error)
	go func() {
		_, err := sandbox.StartServer(ctx, o)
		done <- err
	}()
	pgtest.Eventually(t, func() bool { return !isGone(filepath.Join(o.Dir, "data")) }, "initdb begins")
	cancel()
	if err := <-done; ops.CodeOf(err) != ops.ExitInterrupted {
		t.Errorf("error %v, want one that means interrupted", err)
	}
	empty(t, filepath.Dir(o.Dir))
}

func TestALongDirectoryGetsNoSocketRatherThanAFailure(t *testing.T) {
	t.Parallel()
	o := pgtest.Options(nil)
	o.Dir = filepath.Join(openDir(t), strings.Repeat("long-", 20))
	s, err := sandbox.StartServer(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(t.Context()) //nolint:errcheck // proven elsewhere
	if got := value[string](t, s.Target("postgres"), "SHOW unix_socket_directories"); got != "" {
		t.Errorf("the socket is in %q", got)
	}
}
