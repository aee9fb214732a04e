package rollout

import "time"

// bars are the heights of a sparkline; a cell of which nothing is known is a gap.
var bars = []rune("▁▂▃▄▅▆▇█")

// full is the share of errors that fills a cell.
const full = 0.10

// Sparkline draws the share of errors that the watch counted, from now back, in so many
// cells: the bottom is none, the top 10% and more, a dot what nothing is known of.
func Sparkline(samples []Sample, now time.Time, span time.Duration, cells int) string {
	type cell struct{ bad, total int64 }
	sums := make([]cell, cells)
	width := span / time.Duration(cells)
	for _, s := range samples {
		t, ok := s.Counts[surveillance]
		i := cells - 1 - int(now.Sub(s.At)/width)
		if !ok || !t.Known || i < 0 || i >= cells {
			continue
		}
		sums[i].bad += t.Bad
		sums[i].total += t.Total
	}
	line := make([]rune, cells)
	for i, c := range sums {
		line[i] = '·'
		if c.total > 0 {
			share := float64(c.bad) / float64(c.total)
			line[i] = bars[min(int(share/full*float64(len(bars)-1)+0.5), len(bars)-1)]
		}
	}
	return string(line)
}
