package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
)

// TestResumeWaitsForWhatTheServerLeft: the processes of a server that was killed end a moment
// after it, and a new one does not start beside them.
func TestResumeWaitsForWhatTheServerLeft(t *testing.T) {
	t.Parallel()
	s := pgtest.StartServer(t, nil)
	pid := pgtest.QueryValue[int](t, s.Target("postgres"), "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	goOn := func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // it may have ended
	t.Cleanup(goOn)
	s.Kill()
	resumed := make(chan error, 1)
	go func() { resumed <- s.Resume(t.Context()) }()
	pgtest.Eventually(t, func() bool {
		log, err := os.ReadFile(filepath.Join(s.Dir, "server.log"))
		return err == nil && strings.Contains(string(log), "pre-existing shared memory block")
	}, "the server refuses to start")
	goOn()
	if err := <-resumed; err != nil {
		t.Fatal(err)
	}
	if got := pgtest.QueryValue[int](t, s.Target("postgres"), "SELECT 1"); got != 1 {
		t.Error(got)
	}
}
