// Command container keeps a PostgreSQL in a container for tests on a machine
// without server programs. Package pgtest starts it; it ends, and the container
// with it, when its standard input closes.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
)

// imageVariable names another image than sandbox.DefaultImage.
const imageVariable = "CLIPPEROPS_TEST_IMAGE"

const port = "5432/tcp"

func main() {
	os.Exit(pgtest.Guard(os.Stdin, os.Stdout, start))
}

// kept is a container as a pgtest.Stopper.
type kept struct{ testcontainers.Container }

// Stop removes the container and its volumes.
func (k kept) Stop(ctx context.Context) error { return k.Terminate(ctx) }

func start(ctx context.Context) (pgtest.Stopper, config.Target, error) {
	image := os.Getenv(imageVariable)
	if image == "" {
		image = sandbox.DefaultImage
	}
	target := config.Target{
		Host: "127.0.0.1", User: sandbox.Superuser, Password: config.Secret(rand.Text()), Database: "postgres", SSLMode: "disable",
	}
	c, err := testcontainers.Run(ctx, image,
		testcontainers.WithEnv(map[string]string{
			"POSTGRES_USER": target.User, "POSTGRES_PASSWORD": target.Password.Reveal(), "POSTGRES_DB": target.Database,
			"POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C",
		}),
		testcontainers.WithCmd(arguments()...),
		testcontainers.WithExposedPorts(port),
		testcontainers.WithHostConfigModifier(loopbackOnly),
	)
	if err == nil {
		var mapped network.Port
		if mapped, err = c.MappedPort(ctx, port); err == nil {
			target.Port = mapped.Num()
			err = ready(ctx, target)
		}
	}
	if err != nil {
		if c != nil {
			_ = c.Terminate(context.WithoutCancel(ctx)) // the first error is the one to tell
		}
		return nil, target, &ops.Failure{What: "no container", Detail: []string{err.Error()}, Err: err}
	}
	return kept{c}, target, nil
}

// arguments are the server's parameters, as for servers of local programs.
func arguments() []string {
	all := pgtest.Settings()
	maps.Copy(all, sandbox.FastSettings())
	var args []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "-c", name+"="+all[name])
	}
	return args
}

// loopbackOnly keeps the server off the network.
func loopbackOnly(c *container.HostConfig) {
	c.PortBindings = network.PortMap{
		network.MustParsePort(port): {{HostIP: netip.MustParseAddr("127.0.0.1")}},
	}
}

// ready waits for the server itself, at the address the tests will use: the
// library's own strategies ask elsewhere when this machine is a container too.
func ready(ctx context.Context, target config.Target) error {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		conn, err := pgx.Connect(ctx, target.ConnString())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server in the container does not answer: %w", err)
		case <-time.After(pause):
		}
	}
}
