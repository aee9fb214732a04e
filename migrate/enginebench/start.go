package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

const (
	mostToStart = 30 * time.Millisecond
	// starts is how often the program is started.
	starts = 30
)

// benchStart times the start of the program: what every command pays.
func benchStart(ctx context.Context, _ config.Target, s settings) error {
	if s.startup == "" {
		return nil
	}
	var times []time.Duration
	for range starts {
		started := time.Now()
		if out, err := exec.CommandContext(ctx, s.startup, "version").CombinedOutput(); err != nil {
			return fmt.Errorf("%s version: %w: %s", s.startup, err, out)
		}
		times = append(times, time.Since(started))
	}
	fmt.Printf("\nstart: %s version, %d times\n\n", s.startup, starts)
	verdict(median(times) < mostToStart, "median %s, slowest %s   (below %s)", ms(median(times)), ms(slices.Max(times)), ms(mostToStart))
	return nil
}
