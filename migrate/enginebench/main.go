// Command enginebench measures what clipperops promises of its speed, each thing beside
// what it is compared with: on the same server, one after the other in every round, so
// that what disturbs one disturbs all. It prints medians, their ratios, and PASS or
// MISSED for what is promised; it is no test, and a busy machine misses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// urlVariable names the server; withpg sets it.
const urlVariable = "CLIPPEROPS_TEST_DATABASE_URL"

// settings are what the flags say.
type settings struct {
	rounds, files int
	startup       string
	rows          int
	only          string
}

// benches are what there is to measure, in this order.
var benches = []struct {
	name string
	run  func(context.Context, config.Target, settings) error
}{
	{"speed", benchSpeed},
	{"start", benchStart},
	{"snapshot", benchSnapshot},
	{"rehearsal", benchRehearsal},
	{"stall", benchStall},
}

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
	var s settings
	flag.IntVar(&s.rounds, "rounds", 15, "how often each contender of speed runs; the others run less often")
	flag.IntVar(&s.files, "files", 100, "how many migrations are generated for speed")
	flag.StringVar(&s.startup, "startup", "", "a clipperops program whose start is measured as well")
	flag.IntVar(&s.rows, "rows", 2_000_000, "how many rows the table of stall has")
	flag.StringVar(&s.only, "only", "", "what to measure, separated by commas; everything by default: "+names())
	flag.Parse()
	url := os.Getenv(urlVariable)
	if url == "" {
		return errors.New(urlVariable + " names no server; make bench starts one")
	}
	server, err := config.ParseTarget(url)
	if err != nil {
		return err
	}
	wanted := strings.Split(s.only, ",")
	for _, name := range wanted {
		if s.only != "" && !strings.Contains(names()+",", name+",") {
			return fmt.Errorf("there is no bench %q; there are %s", name, names())
		}
	}
	for _, b := range benches {
		if s.only != "" && !slices.Contains(wanted, b.name) {
			continue
		}
		if err := b.run(ctx, server, s); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

func names() string {
	var all []string
	for _, b := range benches {
		all = append(all, b.name)
	}
	return strings.Join(all, ",")
}
