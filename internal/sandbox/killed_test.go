package sandbox_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// temporaryPlace makes a temporary directory of the test's own the system's, for
// this process and its children. Such tests do not run in parallel.
func temporaryPlace(t *testing.T) string {
	t.Helper()
	place := openDir(t)
	if err := os.Chmod(place, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", place)
	return place
}

// Guards against servers that outlive the tests they were started for.
func TestAnEphemeralServerDiesWithItsKilledOwnerAndTheNextStartCleansUp(t *testing.T) {
	place := temporaryPlace(t)
	owner, target := startChild(t, childOrder{Stay: true})
	dir := filepath.Dir(pgtest.QueryValue[string](t, target, "SHOW data_directory"))
	pid := postmasterPID(t, dir)
	if filepath.Dir(dir) != place {
		t.Fatalf("the server is in %s", dir)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		pgtest.Eventually(t, func() bool { return !alive(pid) }, "the server ends")
	}
	_ = owner.Wait()

	s, err := sandbox.StartServer(t.Context(), pgtest.Options(nil))
	if err != nil {
		t.Fatal(err)
	}
	if !isGone(dir) || alive(pid) {
		t.Error("the next start did not clean up what the killed one left")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty(t, place)
}

// Guards against containers that stay when the process that made them is killed.
func TestOnDockerTheNextStartRemovesTheContainerOfAKilledOwner(t *testing.T) {
	image := pgtest.Image(t)
	place := temporaryPlace(t)
	owner, _ := startChild(t, childOrder{Image: image, Stay: true})
	left, err := filepath.Glob(filepath.Join(place, "clipperops-pg-*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("directories %v, error %v", left, err)
	}
	if containersOf(t, left[0]) == "" {
		t.Fatal("there is no container")
	}
	_ = owner.Process.Kill()
	_ = owner.Wait()
	s, err := sandbox.StartServer(t.Context(), pgtest.Options(nil))
	if err != nil {
		t.Fatal(err)
	}
	if container := containersOf(t, left[0]); container != "" || !isGone(left[0]) {
		t.Errorf("left: container %q, directory gone: %t", container, isGone(left[0]))
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty(t, place)
}

func TestALivingServerIsNotSweptAway(t *testing.T) {
	temporaryPlace(t)
	_, target := startChild(t, childOrder{Stay: true})
	s, err := sandbox.StartServer(t.Context(), pgtest.Options(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(t.Context()) //nolint:errcheck // proven elsewhere
	if !answers(t, target) {
		t.Error("another process's server is gone")
	}
}

func TestASandboxOutlivesTheProcessThatStartedIt(t *testing.T) {
	t.Parallel()
	o := options(t)
	starter, out := child(t, childOrder{Sandbox: o.Dir})
	if err := starter.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	condition, s, err := sandbox.Status(t.Context(), o)
	if err != nil || condition != sandbox.Running {
		t.Fatalf("condition %s, error %v", condition, err)
	}
	if !answers(t, s.Target) {
		t.Error("it does not answer")
	}
	if strings.TrimSpace(out.String()) != s.Target.URL().Reveal() {
		t.Error("it is another one")
	}
}

func TestASandboxKilledDuringInitdbIsCleanedByTheNextStart(t *testing.T) {
	t.Parallel()
	o := options(t)
	starter, _ := child(t, childOrder{Sandbox: o.Dir})
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, func() bool { return !isGone(filepath.Join(o.Dir, "data", "base")) }, "initdb is at work")
	_ = starter.Process.Kill()
	_ = starter.Wait()

	if condition, _, err := sandbox.Status(t.Context(), o); err != nil || condition != sandbox.Unfinished {
		t.Errorf("condition %s, error %v; want unfinished", condition, err)
	}
	var notes []string
	o.Note = func(text string) { notes = append(notes, text) }
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !answers(t, s.Target) || s.Already {
		t.Error("no new sandbox")
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "killed sandbox") {
		t.Errorf("notes %q do not say what was cleaned up", notes)
	}
}

func TestASandboxWhoseServerWasKilledIsDeadAndTheNextStartCleansUp(t *testing.T) {
	t.Parallel()
	o := options(t)
	starter, _ := child(t, childOrder{Sandbox: o.Dir})
	if err := starter.Run(); err != nil {
		t.Fatal(err)
	}
	pid := postmasterPID(t, o.Dir)
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, func() bool {
		condition, _, err := sandbox.Status(t.Context(), o)
		return err == nil && condition == sandbox.Dead
	}, "the sandbox is seen as dead")
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !answers(t, s.Target) || s.Already {
		t.Error("no new sandbox")
	}
}

// Guards against signalling a process that was given the number of a dead server.
func TestAStalePidFileThatNamesAnotherProcessKillsNobody(t *testing.T) {
	t.Parallel()
	o := options(t)
	if _, err := sandbox.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	pid := postmasterPID(t, o.Dir)
	file := filepath.Join(o.Dir, "data", "postmaster.pid")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = process.Signal(syscall.SIGQUIT) // not SIGKILL: what that leaves is known by the pid
	pgtest.Eventually(t, func() bool { return !alive(pid) }, "the server is dead")

	bystander, _ := startChild(t, childOrder{Stay: true})
	_, rest, _ := strings.Cut(string(raw), "\n")
	if err := os.WriteFile(file, []byte(itoa(bystander.Process.Pid)+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if stopped, err := sandbox.Stop(t.Context(), o); err != nil || !stopped {
		t.Fatalf("stopped %t, error %v", stopped, err)
	}
	if !alive(bystander.Process.Pid) {
		t.Error("a process that is none of the sandbox's was ended")
	}
}
