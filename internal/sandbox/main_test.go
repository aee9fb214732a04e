package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/jackc/pgx/v5"
)

// childVariable makes this test binary a process that starts something and is
// killed by the test: its value is a JSON childOrder.
const childVariable = "CLIPPEROPS_SANDBOX_TEST_CHILD"

type childOrder struct {
	// Sandbox is the directory of a small sandbox to start; empty: start a server.
	Sandbox string
	// Image runs the server on Docker.
	Image string
	// Stay keeps the process alive once it is started.
	Stay bool
}

func TestMain(m *testing.M) {
	if order := os.Getenv(childVariable); order != "" {
		os.Exit(obey(order))
	}
	os.Exit(m.Run())
}

func obey(text string) int {
	var o childOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	var target config.Target
	if o.Sandbox != "" {
		s, err := sandbox.Start(context.Background(), small(o.Sandbox))
		if err != nil {
			fmt.Println("failed:", err)
			return 1
		}
		target = s.Target
	} else {
		options := pgtest.Options(nil)
		if o.Image != "" {
			options.Backend, options.Image = sandbox.BackendDocker, o.Image
		}
		s, err := sandbox.StartServer(context.Background(), options)
		if err != nil {
			fmt.Println("failed:", err)
			return 1
		}
		target = s.Target("postgres")
	}
	fmt.Println(target.URL().Reveal())
	if o.Stay {
		select {}
	}
	return 0
}

// child starts a process that obeys the order. It is killed at the end of the test.
func child(t *testing.T, o childOrder) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	return cmd, out
}

// startChild starts a child that stays and returns it with the target it printed.
func startChild(t *testing.T, o childOrder) (*exec.Cmd, config.Target) {
	t.Helper()
	cmd, _ := child(t, o)
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var line string
	if _, err := fmt.Fscanln(out, &line); err != nil {
		t.Fatalf("the child says nothing: %v", err)
	}
	target, err := config.ParseTarget(line)
	if err != nil {
		t.Fatalf("the child says %q", line)
	}
	return cmd, target
}

func small(dir string) sandbox.Options {
	return sandbox.Options{Dir: dir, Users: 20, PathEnv: os.Getenv("PATH")}
}

// options are those of a small sandbox in a directory of the test's own, which
// is stopped at the end of the test.
func options(t *testing.T) sandbox.Options {
	t.Helper()
	o := small(filepath.Join(openDir(t), "box"))
	t.Cleanup(func() {
		if _, err := sandbox.Stop(context.Background(), o); err != nil {
			t.Errorf("stopping the sandbox: %v", err)
		}
	})
	return o
}

// openDir is a directory that the server's user can reach, short enough for sockets.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandboxtest-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func answers(t *testing.T, target config.Target) bool {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), target.ConnString())
	if err != nil {
		return false
	}
	_ = conn.Close(context.Background())
	return true
}

func isGone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// alive reports whether a process runs: a zombie does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// empty fails the test when something is left in dir.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", filepath.Join(dir, e.Name()))
	}
}

func value[T any](t *testing.T, target config.Target, sql string) T {
	t.Helper()
	return pgtest.QueryValue[T](t, target, sql)
}
