package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	golangmigrate "github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/pgx/v5" // the driver pgx5
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

// contender is one way of running the migrations.
type contender struct {
	name  string
	run   func(context.Context, config.Target) error
	check func(context.Context, config.Target) error
	times []time.Duration
}

func contendersFor(ctx context.Context, server config.Target, c chain) ([]*contender, error) {
	found, err := programs(ctx, server)
	if err != nil {
		return nil, err
	}
	return []*contender{
		{name: "clipperops", run: engine(c, false), check: stands(c, true)},
		{name: "golang-migrate", run: library(c), check: stands(c, true)},
		{name: "psql", run: session(c, found.Psql), check: stands(c, false)},
		{name: "clipperops with its ledger", run: engine(c, true), check: stands(c, true)},
	}, nil
}

// engine is everything from reading the files to the last commit.
func engine(c chain, recorded bool) func(context.Context, config.Target) error {
	return func(ctx context.Context, target config.Target) error {
		src, err := migrate.ReadSource(c.dir, "generated")
		if err != nil {
			return err
		}
		conn, err := connect(ctx, target)
		if err != nil {
			return err
		}
		defer hangUp(ctx, conn)
		state, err := migrate.ReadState(ctx, conn)
		if err != nil {
			return err
		}
		plan, err := migrate.PlanUp(src, state, uint64(c.files), nil)
		if err != nil {
			return err
		}
		var o migrate.ApplyOptions
		if recorded {
			l, err := ledger.Open(ctx, conn)
			if err != nil {
				return err
			}
			o.Ledger = migrate.RecordIn(l, "bench")
		}
		_, err = migrate.Apply(ctx, target, plan, migrate.Backup{Waived: "benchmark"}, migrate.Rehearsal{Waived: "benchmark"}, o)
		return err
	}
}

// library is golang-migrate's, as a program that embeds it would use it.
func library(c chain) func(context.Context, config.Target) error {
	return func(_ context.Context, target config.Target) error {
		src, err := iofs.New(c.dir, ".")
		if err != nil {
			return err
		}
		url := strings.Replace(target.URL().Reveal(), "postgres://", "pgx5://", 1)
		m, err := golangmigrate.NewWithSourceInstance("iofs", src, url)
		if err != nil {
			return err
		}
		if err := m.Up(); err != nil {
			return err
		}
		fromSource, fromDatabase := m.Close()
		return errors.Join(fromSource, fromDatabase)
	}
}

// session is psql with every file in a transaction, and without any bookkeeping.
func session(c chain, psql pg.Program) func(context.Context, config.Target) error {
	return func(ctx context.Context, target config.Target) error {
		cmd := psql.Command(ctx, target, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-")
		cmd.Stdin = strings.NewReader(c.script)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

// stands makes sure that the work was done.
func stands(c chain, versioned bool) func(context.Context, config.Target) error {
	return func(ctx context.Context, target config.Target) error {
		conn, err := connect(ctx, target)
		if err != nil {
			return err
		}
		defer hangUp(ctx, conn)
		var tables int
		err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^t[0-9]+$'").Scan(&tables)
		if err != nil {
			return err
		}
		state, err := migrate.ReadState(ctx, conn)
		if err != nil {
			return err
		}
		if tables != (c.files+3)/4 || versioned && state.Version != int64(c.files) {
			return fmt.Errorf("%d tables, %s: the migrations were not all applied", tables, state)
		}
		return nil
	}
}
