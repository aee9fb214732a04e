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

// ratio compares two medians with what their quotient may be.
func ratio(a string, took time.Duration, b string, other time.Duration, most float64) {
	r := float64(took) / float64(other)
	verdict(r <= most, "%s / %s = %.2f   (at most %.2f)", a, b, r, most)
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is a row of a table: the name, the median, the fastest and the slowest.
func spread(name string, times []time.Duration) {
	fmt.Printf("%-28s %10s %10s %10s\n", name, ms(median(times)), ms(slices.Min(times)), ms(slices.Max(times)))
}

func heading() { fmt.Printf("%-28s %10s %10s %10s\n", "", "median", "fastest", "slowest") }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
