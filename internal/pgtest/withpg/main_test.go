package main_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
)

// program builds withpg once for all the tests here.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "withpg-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "withpg")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// withpg prepares a run that does not see the server this test may run on.
func withpg(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, pgtest.URLVariable+"=") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Stderr = os.Stderr
	return cmd
}

// started runs a command under withpg that prints the server's URL and then
// waits, and returns once it does.
func started(t *testing.T, script string) (*exec.Cmd, config.Target) {
	t.Helper()
	cmd := withpg(t, "--", "sh", "-c", `echo "$`+pgtest.URLVariable+`"; `+script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.ParseTarget(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return cmd, target
}

func answers(t *testing.T, target config.Target) bool {
	conn, err := pgx.Connect(t.Context(), target.ConnString())
	if err != nil {
		return false
	}
	_ = conn.Close(t.Context())
	return true
}

func TestTheCommandGetsAServerAndItsExitCodeIsPassedOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "go-on")
	cmd, target := started(t, "until test -e '"+path+"'; do sleep 0.02; done; exit 7")
	if !answers(t, target) {
		t.Error("there is no server while the command runs")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("withpg ended with %v, want exit code 7", err)
	}
	if answers(t, target) {
		t.Error("the server outlived withpg")
	}
}

func TestASignalReachesTheCommandAndTheServerStillGoes(t *testing.T) {
	t.Parallel()
	cmd, target := started(t, `trap 'exit 9' INT; while :; do sleep 0.05; done`)
	pgtest.Eventually(t, func() bool { return answers(t, target) }, "the server answers")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 9 {
		t.Errorf("withpg ended with %v, want the command's exit code 9", err)
	}
	if answers(t, target) {
		t.Error("the server outlived withpg")
	}
}

func TestTheServerDiesWithAKilledWithpg(t *testing.T) {
	t.Parallel()
	cmd, target := started(t, `while test "$PPID" != 1 && kill -0 "$PPID"; do sleep 0.05; done 2>/dev/null`)
	data := dataDirectory(t, target)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as wanted
	pgtest.Eventually(t, func() bool { return !answers(t, target) }, "the server ends")
	pgtest.Eventually(t, func() bool {
		_, err := os.Stat(data)
		return errors.Is(err, os.ErrNotExist)
	}, "its directory is removed")
}

func dataDirectory(t *testing.T, target config.Target) string {
	t.Helper()
	return pgtest.QueryValue[string](t, target, "SHOW data_directory")
}

func TestACommandThatDoesNotExistIsToldAndTheServerGoes(t *testing.T) {
	t.Parallel()
	cmd := withpg(t, "--", "/there/is/no/such/program")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 127 {
		t.Errorf("withpg ended with %v, want exit code 127", err)
	}
	if !strings.Contains(complaint.String(), "/there/is/no/such/program") {
		t.Errorf("it says %q", complaint.String())
	}
}

func TestWithoutACommandItSaysHowItIsUsed(t *testing.T) {
	t.Parallel()
	cmd := withpg(t)
	cmd.Stderr = nil
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("withpg ended with %v, want exit code 2", err)
	}
}

func TestAServerNamedInTheEnvironmentIsUsedAndLeftRunning(t *testing.T) {
	t.Parallel()
	own := pgtest.StartServer(t, nil).Target("postgres")
	cmd := withpg(t, "--", "sh", "-c", `echo "$`+pgtest.URLVariable+`"`)
	cmd.Env = append(cmd.Env, pgtest.URLVariable+"="+own.URL().Reveal())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != own.URL().Reveal() {
		t.Errorf("the command got another server")
	}
	if !answers(t, own) {
		t.Error("withpg stopped a server it did not start")
	}
}
