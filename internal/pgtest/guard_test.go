package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
)

// saying is a guard that greets with the text and stays until its input closes.
func saying(t *testing.T, text string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "sh", "-c", `echo "$1"; cat > /dev/null`, "sh", text)
}

const noPrograms = `{"failed":"no PostgreSQL server programs on this machine","next":["apt-get install -y postgresql"]}`

func TestWithoutLocalProgramsAContainerServes(t *testing.T) {
	t.Parallel()
	container := exec.Command("go", "run", containerProgram)
	// The reaper is an image of its own, which is not here.
	container.Env = append(os.Environ(), "CLIPPEROPS_TEST_IMAGE="+Image(t), "TESTCONTAINERS_RYUK_DISABLED=true")
	g, err := firstOf(saying(t, noPrograms), container)
	if err != nil {
		t.Fatalf("%v: %q", err, ops.AsFailure(err).Detail)
	}
	if got := QueryValue[string](t, g.target, "SELECT concat_ws(' ', current_user, rolsuper, current_setting('fsync')) FROM pg_roles WHERE rolname = current_user"); got != "postgres t off" {
		t.Errorf("user, superuser, fsync = %s", got)
	}
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	if conn, err := pgx.Connect(t.Context(), g.target.ConnString()); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the container outlived its guard")
	}
}

func TestWithNeitherTheFailureHasTheCommandThatInstallsOne(t *testing.T) {
	t.Parallel()
	_, err := firstOf(saying(t, noPrograms), saying(t, `{"failed":"no container","detail":["no engine answers"]}`))
	var f *ops.Failure
	if !errors.As(err, &f) {
		t.Fatalf("error %v", err)
	}
	if f.What != "no PostgreSQL server programs on this machine" || len(f.Next) != 1 || f.Next[0] != "apt-get install -y postgresql" {
		t.Errorf("failure %+v", f)
	}
	if detail := strings.Join(f.Detail, "\n"); !strings.Contains(detail, "no engine answers") {
		t.Errorf("the detail does not tell of the container: %s", detail)
	}
}

func TestAGuardThatEndsWithoutAGreetingIsAnError(t *testing.T) {
	t.Parallel()
	_, err := guardedBy(exec.CommandContext(t.Context(), "sh", "-c", "echo kaputt >&2; exit 3"))
	if err == nil || !strings.Contains(err.Error(), "kaputt") {
		t.Errorf("error %v does not say what the guard said", err)
	}
}
