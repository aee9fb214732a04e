package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
)

// mostPerDecision is what one decision may take, in nanoseconds.
const mostPerDecision = 60

// benchDecision measures a decision as a service makes it: by the live state, for
// a user whom the flag does not name.
func benchDecision() error {
	f, err := featureflag.New(key, true, featureflag.Everybody/2, []string{"beta-1", "beta-2"})
	if err != nil {
		return err
	}
	live := featureflag.NewLive(fixed{key: f})
	if err := live.Start(context.Background()); err != nil {
		return err
	}
	const user = "0190a5b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b"
	fmt.Printf("%-28s %10s %10s\n", "one decision", "time", "allocations")
	var result bool
	best := func(name string, decide func()) {
		var fastest testing.BenchmarkResult
		for i := range 5 { // the fastest is the least disturbed
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					decide()
				}
			})
			if i == 0 || perDecision(r) < perDecision(fastest) {
				fastest = r
			}
		}
		fmt.Printf("%-28s %7.1f ns %10d\n", name, perDecision(fastest), fastest.AllocsPerOp())
		verdict(perDecision(fastest) < mostPerDecision && fastest.AllocsPerOp() == 0, "%s < %d ns and 0 allocations", name, mostPerDecision)
	}
	best("Flag.On", func() { result = f.On(user) })
	best("Live.On", func() { result = live.On(key, user) })
	_ = result
	return nil
}

func perDecision(r testing.BenchmarkResult) float64 {
	return float64(r.T.Nanoseconds()) / float64(r.N)
}

// fixed is a store that does not change.
type fixed featureflag.State

func (f fixed) Load(context.Context) (featureflag.State, error) { return featureflag.State(f), nil }

func (f fixed) Watch(ctx context.Context, report func(featureflag.State, error)) {
	report(featureflag.State(f), nil)
	<-ctx.Done()
}

func (fixed) String() string { return "fixed" }
