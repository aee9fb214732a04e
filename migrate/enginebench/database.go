package main

import (
	"context"
	"crypto/rand"
	"os"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// application is what others see in pg_stat_activity.
const application = "enginebench"

// withDatabase makes an empty database, does something with it, and drops it.
func withDatabase(ctx context.Context, server config.Target, do func(config.Target) error) error {
	admin, err := connect(ctx, server)
	if err != nil {
		return err
	}
	defer hangUp(ctx, admin)
	name := "clipperops_bench_" + strings.ToLower(rand.Text()[:10])
	quoted := pgx.Identifier{name}.Sanitize()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+quoted+" TEMPLATE template0"); err != nil {
		return err
	}
	defer func() {
		_, _ = admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+quoted+" WITH (FORCE)")
	}()
	return do(server.WithDatabase(name))
}

func connect(ctx context.Context, target config.Target) (*pgx.Conn, error) {
	return pg.Connect(ctx, target, pg.ConnOptions{Application: application})
}

func hangUp(ctx context.Context, conn *pgx.Conn) { _ = conn.Close(context.WithoutCancel(ctx)) }

// programs are the client programs that fit the server.
func programs(ctx context.Context, server config.Target) (pg.Programs, error) {
	conn, err := connect(ctx, server)
	if err != nil {
		return pg.Programs{}, err
	}
	defer hangUp(ctx, conn)
	described, err := pg.Describe(ctx, conn)
	if err != nil {
		return pg.Programs{}, err
	}
	return pg.FindPrograms(ctx, pg.ProgramOptions{ServerMajor: described.Major(), PathEnv: os.Getenv("PATH")})
}
