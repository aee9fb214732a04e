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

// print shows how long changes took, and holds the last instance to the promise.
func (t times) print(store string, promised time.Duration) {
	spread(store+", each instance", t.each)
	spread(store+", the last instance", t.last)
	verdict(quantile(t.last, 99) < promised, "%s: a change is with the last instance in < %s (p99)", store, promised)
}

// spread is a row of a table: the name, the median, the 99th percentile, the slowest.
func spread(name string, times []time.Duration) {
	fmt.Printf("%-28s %10s %10s %10s\n", name, ms(quantile(times, 50)), ms(quantile(times, 99)), ms(slices.Max(times)))
}

// quantile is the smallest time that so many of a hundred do not exceed.
func quantile(times []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)*percent+99)/100-1]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
