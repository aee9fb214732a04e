package main

import (
	"fmt"
	"slices"
	"time"
)

// verdict prints what was promised and whether it was kept.
func verdict(kept bool, format string, args ...any) {
	word := "MISSED"
	if kept {
		word = "PASS"
	}
	fmt.Printf("%-7s %s\n", word, fmt.Sprintf(format, args...))
}

func heading() { fmt.Printf("%-28s %10s %10s %10s\n", "", "median", "p99", "slowest") }

func row(name string, times []time.Duration) {
	fmt.Printf("%-28s %10s %10s %10s\n", name, ms(median(times)), ms(percentile(times, 99)), ms(slices.Max(times)))
}

func median(times []time.Duration) time.Duration { return percentile(times, 50) }

// percentile is the smallest that so many in a hundred do not exceed.
func percentile(times []time.Duration, in100 int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)*in100+99)/100-1]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
