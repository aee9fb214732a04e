// Command flagbench measures what is promised of feature flags: how long one
// decision takes, and how long it takes from the writing of a change until the last
// of many instances decides by it. It prints PASS or MISSED for what is promised; it
// is no test, and a busy machine misses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// urlVariable names the server; withpg sets it.
const urlVariable = "CLIPPEROPS_TEST_DATABASE_URL"

// settings are what the flags say.
type settings struct {
	instances, rounds int
}

// How long 99 of 100 changes may take to reach the last instance.
const (
	promisedPostgres = 250 * time.Millisecond
	promisedEnvFile  = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "flagbench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var s settings
	flag.IntVar(&s.instances, "instances", 50, "how many follow each store, every one with its own listener")
	flag.IntVar(&s.rounds, "rounds", 200, "how many changes are made to each store")
	flag.Parse()
	if s.instances < 1 || s.rounds < 1 {
		return errors.New("-instances and -rounds are at least 1")
	}
	url := os.Getenv(urlVariable)
	if url == "" {
		return errors.New(urlVariable + " names no server; make bench starts one")
	}
	if err := benchDecision(); err != nil {
		return err
	}
	fmt.Printf("\n%d changes to %d instances, from the write until they decide by it\n", s.rounds, s.instances)
	fmt.Printf("%-28s %10s %10s %10s\n", "", "median", "p99", "slowest")
	if err := benchPostgres(ctx, url, s); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if err := benchEnvFile(ctx, s); err != nil {
		return fmt.Errorf("envfile: %w", err)
	}
	return nil
}
