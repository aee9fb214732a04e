package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
)

// benchPostgres measures the table, in a database of its own.
func benchPostgres(ctx context.Context, url string, s settings) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	admin, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	name := "clipperops_bench_" + strings.ToLower(rand.Text()[:10])
	quoted := pgx.Identifier{name}.Sanitize()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+quoted+" TEMPLATE template0"); err != nil {
		return err
	}
	defer func() {
		_, _ = admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+quoted+" WITH (FORCE)")
	}()
	config = config.Copy()
	config.Database = name
	if err := setUp(ctx, config); err != nil {
		return err
	}
	store := postgres.Open(config)
	if err := first(ctx, store); err != nil {
		return err
	}
	took, err := fanOut(ctx, store, func() featureflag.Store { return postgres.Open(config) }, s)
	if err != nil {
		return err
	}
	took.print("postgres", promisedPostgres)
	return nil
}

func setUp(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return postgres.Setup(ctx, conn)
}

// benchEnvFile measures the file, in a folder of its own.
func benchEnvFile(ctx context.Context, s settings) error {
	folder, err := os.MkdirTemp("", "flagbench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, ".env")
	if err := os.WriteFile(path, []byte("# Clipper\nPORT=8080\n"), 0o600); err != nil {
		return err
	}
	store := envfile.Open(path)
	if err := first(ctx, store); err != nil {
		return err
	}
	took, err := fanOut(ctx, store, func() featureflag.Store { return envfile.Open(path) }, s)
	if err != nil {
		return err
	}
	took.print("envfile", promisedEnvFile)
	return nil
}

// first sets the flag for the first time.
func first(ctx context.Context, store featureflag.Writer) error {
	f, err := featureflag.New(key, true, featureflag.Everybody, nil)
	if err != nil {
		return err
	}
	_, err = store.Write(ctx, featureflag.Change{Flag: f, By: "flagbench"})
	return err
}
