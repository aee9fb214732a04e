package main

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/pg"
)

// database is one of the bench's own.
type database struct {
	target config.Target
	conn   *pgx.ConnConfig
}

// withDatabase makes one with the table of flags, and drops it.
func withDatabase(ctx context.Context, url string, do func(database) error) error {
	server, err := config.ParseTarget(url)
	if err != nil {
		return err
	}
	admin, err := pg.Connect(ctx, server, pg.ConnOptions{Application: "rolloutbench"})
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	db := database{target: server.WithDatabase("clipperops_bench_" + strings.ToLower(rand.Text()[:10]))}
	name := pgx.Identifier{db.target.Database}.Sanitize()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return err
	}
	defer func() {
		_, _ = admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)")
	}()
	if db.conn, err = pg.ConnConfig(db.target, pg.ConnOptions{Application: "rolloutbench"}); err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, db.conn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := postgres.Setup(ctx, conn); err != nil {
		return err
	}
	return do(db)
}
