package metrics_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// BenchmarkFiftyGates is what one tick of a watch asks: fifty counts over an
// hour's window, eight at a time.
func BenchmarkFiftyGates(b *testing.B) {
	server := prometheusSource(b)
	target := pooledTarget(b)
	values := map[string]float64{}
	for i := range 50 {
		values[fmt.Sprintf(`gate%d_total{code="200"}`, i)], values[fmt.Sprintf(`gate%d_total{code="500"}`, i)] = 7, 1
	}
	target.Start(time.Now().Add(-time.Hour), values)
	s := openScrape(b, metrics.ScrapeOptions{Dir: b.TempDir(), Targets: []string{target.URL()}})
	for range 240 { // as many samples as an hour has
		if err := s.Scrape(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for name, source := range map[string]metrics.Source{"server": server, "embedded": s} {
		count := func(i int) error {
			now := time.Now()
			_, err := metrics.Counts(b.Context(), source, fmt.Sprintf(`gate%d_total{instance=%q}`, i, target.Instance()), now.Add(-time.Hour), now)
			return err
		}
		eventually(b, name+" has samples", func() bool { return count(49) == nil })
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var wg sync.WaitGroup
				for worker := range 8 {
					wg.Go(func() {
						for i := worker; i < 50; i += 8 {
							if err := count(i); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
			}
		})
	}
}
