package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// URLVariable names the environment variable with the shared server's URL.
const URLVariable = "CLIPPEROPS_TEST_DATABASE_URL"

// containerProgram is the guard of a server in a container. It is a program of
// its own because what it takes to talk to a Docker engine would double the size
// of every test binary.
const containerProgram = "github.com/clipper/clipperops/internal/pgtest/container"

// running is the shared server. The guard's standard input must stay referred
// to: collected as garbage it would close, and the server go.
type running struct {
	target config.Target
	stop   func() error
}

// shared answers once per process.
var shared = sync.OnceValues(func() (running, error) {
	target, stop, err := StartShared()
	return running{target, stop}, err
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
	g, err := guardedBy(local)
	if err != nil {
		var other error
		if g, other = guardedBy(exec.Command("go", "run", containerProgram)); other != nil {
			return target, nil, neither(err, other)
		}
	}
	return g.target, g.Stop, nil
}

// neither is the failure when there are neither server programs nor an engine.
func neither(local, container error) error {
	f := *ops.AsFailure(local)
	f.Detail = append(f.Detail, "a container instead: "+container.Error())
	return &f
}
