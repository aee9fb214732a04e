// Command enginebench measures the migration engine beside golang-migrate's
// library and one psql session: the same generated migrations, on the same server,
// each round one after the other, so that what disturbs one disturbs all. It
// prints medians and their ratios; it judges nothing and is no test.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// urlVariable names the server; withpg sets it.
const urlVariable = "CLIPPEROPS_TEST_DATABASE_URL"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		f := ops.AsFailure(err)
		fmt.Fprintln(os.Stderr, strings.Join(append([]string{f.What}, f.Detail...), "\n    "))
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	rounds := flag.Int("rounds", 15, "how often each contender runs")
	migrations := flag.Int("files", 100, "how many migrations are generated")
	startup := flag.String("startup", "", "a clipperops program whose start is measured as well")
	flag.Parse()
	url := os.Getenv(urlVariable)
	if url == "" {
		return errors.New(urlVariable + " names no server; make bench starts one")
	}
	server, err := config.ParseTarget(url)
	if err != nil {
		return err
	}
	chain := generate(*migrations)
	contenders, err := contendersFor(ctx, server, chain)
	if err != nil {
		return err
	}
	fmt.Printf("%d migrations, %d rounds, each on a new database, one contender after the other\n\n", *migrations, *rounds)
	for round := range *rounds + 1 {
		for i := range contenders {
			took, err := measure(ctx, server, contenders[(i+round)%len(contenders)])
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up the server and the caches
				c := contenders[(i+round)%len(contenders)]
				c.times = append(c.times, took)
			}
		}
	}
	report(contenders)
	if *startup != "" {
		return measureStart(ctx, *startup)
	}
	return nil
}

// measure runs one contender on a database of its own.
func measure(ctx context.Context, server config.Target, c *contender) (time.Duration, error) {
	admin, err := pg.Connect(ctx, server, pg.ConnOptions{Application: "enginebench"})
	if err != nil {
		return 0, err
	}
	defer admin.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	name := "clipperops_bench_" + strings.ToLower(rand.Text()[:10])
	quoted := pgx.Identifier{name}.Sanitize()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+quoted+" TEMPLATE template0"); err != nil {
		return 0, err
	}
	defer func() {
		_, _ = admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+quoted+" WITH (FORCE)")
	}()
	started := time.Now()
	err = c.run(ctx, server.WithDatabase(name))
	took := time.Since(started)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return took, c.check(ctx, server.WithDatabase(name))
}
