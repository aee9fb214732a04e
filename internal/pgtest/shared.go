package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
)

// URLVariable names the environment variable with the shared server's URL.
const URLVariable = "CLIPPEROPS_TEST_DATABASE_URL"

// containerProgram is the guard of a server in a container. It is a program of
// its own because what it takes to talk to a Docker engine would double the size
// of every test binary.
const containerProgram = "github.com/clipper/clipperops/internal/pgtest/container"

// running is the shared server. The guard's standard input and the presence
// must stay referred to: collected as garbage they would close, and the server
// or the databases go.
type running struct {
	target   config.Target
	stop     func() error
	presence *pgx.Conn
}

// shared answers once per process.
var shared = sync.OnceValues(func() (running, error) {
	target, stop, err := StartShared()
	if err != nil || os.Getenv(URLVariable) == "" {
		return running{target: target, stop: stop}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	presence, err := announce(ctx, target)
	return running{target, stop, presence}, err
})

// Shared returns the shared server's own database, as its superuser. Tests make
// theirs with New.
func Shared(t testing.TB) config.Target {
	t.Helper()
	server, err := shared()
	if err != nil {
		fatal(t, "no PostgreSQL for this test", err)
	}
	return server.target
}

// StartShared finds or starts the shared server and returns its target as
// superuser. A server it started ends with stop or with this process, however
// that ends; one that URLVariable names is left as it is.
func StartShared() (target config.Target, stop func() error, err error) {
	if url := os.Getenv(URLVariable); url != "" {
		target, err := config.ParseTarget(url)
		if err != nil {
			return target, nil, fmt.Errorf("%s: %w", URLVariable, err)
		}
		return target, func() error { return nil }, nil
	}
	program, err := os.Executable()
	if err != nil {
		return target, nil, err
	}
	local := exec.Command(program)
	local.Env = append(os.Environ(), guardVariable+"=1")
	if memoryHolds() {
		local.Env = append(local.Env, "TMPDIR="+inMemory)
	}
	g, err := firstOf(local, exec.Command("go", "run", containerProgram))
	if err != nil {
		return target, nil, err
	}
	return g.target, g.Stop, nil
}

// firstOf starts the first of the guards that can have a server: local
// programs, else a container.
func firstOf(local, container *exec.Cmd) (*guarded, error) {
	g, err := guardedBy(local)
	if err == nil {
		return g, nil
	}
	g, other := guardedBy(container)
	if other == nil {
		return g, nil
	}
	f := *ops.AsFailure(err) // it has the command that installs a server
	f.Detail = append(f.Detail, "a container instead: "+strings.Join(append([]string{other.Error()}, ops.AsFailure(other).Detail...), ": "))
	return nil, &f
}
