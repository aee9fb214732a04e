package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"
)

// What the engine is held to, and the start of the program.
const (
	mostToMigrate = 1.0
	mostToPsql    = 1.15
	mostToStart   = 30 * time.Millisecond
)

// starts is how often the program is started.
const starts = 30

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// report prints the medians, and each contender against the first.
func report(contenders []*contender) {
	first := median(contenders[0].times)
	fmt.Printf("%-28s %10s %10s %10s\n", "", "median", "fastest", "slowest")
	for _, c := range contenders {
		fmt.Printf("%-28s %10s %10s %10s\n", c.name, ms(median(c.times)), ms(slices.Min(c.times)), ms(slices.Max(c.times)))
	}
	fmt.Println()
	ratio := func(c *contender, most float64) {
		fmt.Printf("%s / %s = %.2f   (at most %.2f)\n", contenders[0].name, c.name, float64(first)/float64(median(c.times)), most)
	}
	ratio(contenders[1], mostToMigrate)
	ratio(contenders[2], mostToPsql)
}

// measureStart times the start of the program: what every command pays.
func measureStart(ctx context.Context, program string) error {
	var times []time.Duration
	for range starts {
		started := time.Now()
		if out, err := exec.CommandContext(ctx, program, "version").CombinedOutput(); err != nil {
			return fmt.Errorf("%s version: %w: %s", program, err, out)
		}
		times = append(times, time.Since(started))
	}
	fmt.Printf("\n%s version: median %s, slowest %s   (below %s)\n", program, ms(median(times)), ms(slices.Max(times)), ms(mostToStart))
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
