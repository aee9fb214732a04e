// Command apibench measures the moderation API as it runs: the built program as a
// process of its own, a database with a million cases, and a stand-in for Twitch,
// all on loopback. Requests come at a fixed rate whether or not the ones before are
// answered, and each is measured from the moment it was due: a service that stalls
// cannot hide it. It prints PASS or MISSED for what is promised; it is no test.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

// urlVariable names the server; withpg sets it.
const urlVariable = "CLIPPEROPS_TEST_DATABASE_URL"

// promised is the p95 of a request at the promised rate.
const promised = 20 * time.Millisecond

// settings are what the flags say.
type settings struct {
	program string
	cases   int           // in the queue
	rate    int           // requests a second
	lasts   time.Duration // of each load
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "apibench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var s settings
	flag.StringVar(&s.program, "program", "bin/moderation-api", "the built program")
	flag.IntVar(&s.cases, "cases", 1_000_000, "how many cases the queue holds")
	flag.IntVar(&s.rate, "rate", 500, "how many requests come a second")
	flag.DurationVar(&s.lasts, "lasts", 15*time.Second, "how long each load lasts")
	flag.Parse()
	url := os.Getenv(urlVariable)
	if url == "" {
		return errors.New(urlVariable + " names no server; make bench starts one")
	}
	server, err := config.ParseTarget(url)
	if err != nil {
		return err
	}
	return withDatabase(ctx, server, func(target config.Target) error {
		users, err := fill(ctx, target, s)
		if err != nil {
			return err
		}
		return withService(ctx, target, s.program, users, func(at string) error { return measure(ctx, at, users, s) })
	})
}

// measure puts each load on the service, one after the other.
func measure(ctx context.Context, at string, users people, s settings) error {
	fmt.Printf("api: %d cases in the queue, %d requests a second for %s each, every one measured from when it was due\n\n", s.cases, s.rate, s.lasts)
	fmt.Printf("%-28s %9s %9s %9s %9s %9s %7s\n", "", "a second", "p50", "p95", "p99", "slowest", "failed")
	loads := []struct {
		name string
		make func(i int) request
	}{
		{"queue, first page", users.firstPage},
		{"queue, somewhere in it", users.somePage},
		{"ban (stand-in for Twitch)", users.ban},
	}
	var missed error
	for _, l := range loads {
		r, err := load(ctx, at, s, l.make)
		if err != nil {
			return err
		}
		r.print(l.name)
		if r.quantile(0.95) >= promised || r.failed > 0 {
			missed = errors.Join(missed, fmt.Errorf("%s: p95 %s, %d failed", l.name, ms(r.quantile(0.95)), r.failed))
		}
	}
	fmt.Println()
	if missed != nil {
		fmt.Printf("MISSED  p95 below %s without a failure: %v\n", ms(promised), missed)
		return nil
	}
	fmt.Printf("PASS    p95 of each below %s, nothing failed\n", ms(promised))
	return nil
}
