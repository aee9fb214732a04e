// Command rolloutbench measures what is promised of a rollout: how long the kill switch
// takes from the start of the command until the last of many instances refuses, and how
// long the watch takes to look once, with many gates on a real Prometheus. It prints
// PASS or MISSED for what is promised; it is no test, and a busy machine misses.
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
	program                  string
	instances, rounds, gates int
}

// What is promised.
const (
	promisedOff  = time.Second            // of 99 of 100 kill switches, command start to last refusal
	promisedTick = 250 * time.Millisecond // of one look, at 50 gates
	// documented is how long the operators' procedure takes: a variable is edited and the
	// services are started again.
	documented = 30 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "rolloutbench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var s settings
	flag.StringVar(&s.program, "program", "bin/clipperops", "the clipperops program whose rollout off is measured")
	flag.IntVar(&s.instances, "instances", 50, "how many instances follow, every one with its own listener")
	flag.IntVar(&s.rounds, "rounds", 100, "how often it is turned off")
	flag.IntVar(&s.gates, "gates", 50, "how many gates the watch looks at")
	flag.Parse()
	if s.instances < 1 || s.rounds < 1 || s.gates < 1 {
		return errors.New("-instances, -rounds and -gates are at least 1")
	}
	url := os.Getenv(urlVariable)
	if url == "" {
		return errors.New(urlVariable + " names no server; make bench starts one")
	}
	if err := withDatabase(ctx, url, func(db database) error { return benchOff(ctx, db, s) }); err != nil {
		return fmt.Errorf("off: %w", err)
	}
	if err := withDatabase(ctx, url, func(db database) error { return benchTick(ctx, db, s) }); err != nil {
		return fmt.Errorf("tick: %w", err)
	}
	return nil
}
