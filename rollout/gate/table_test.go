package gate_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write the simulated tables of docs/gates.md anew")

// page is where the simulated figures are published, between these two lines.
const (
	page  = "../../docs/gates.md"
	begin = "<!-- simulated: begin; go test ./rollout/gate -run TestSimulation -update -->\n"
	end   = "<!-- simulated: end -->\n"
)

// TestSimulation runs the plan's rules over healthy and over faulty traffic: healthy runs
// are not rolled back beyond what is promised, faults are found in time, and the page
// has the figures.
func TestSimulation(t *testing.T) {
	t.Parallel()
	calm := scenarios(0.01, 0.02)
	faults := scenarios(0.30, 0.08)
	simulate(calm, func(s *scenario) {
		s.healthy = simulateHealthy(s.rate, s.share, s.seed)
		s.promised = promised(s.rate, s.share)
	})
	simulate(faults, func(s *scenario) { s.faulty = simulateFault(s.rate, s.share, s.seed) })
	for _, s := range calm {
		s.testHealthy(t)
	}
	for _, s := range faults {
		s.testFaulty(t)
	}
	compare(t, tables(calm, faults))
}

// scenario is a rate a minute and a share of errors, and what happened.
type scenario struct {
	rate, share float64
	seed        uint64
	healthy     healthy
	promised    float64 // the share of healthy runs that may be rolled back
	faulty      faulty
}

func scenarios(shares ...float64) (all []*scenario) {
	for _, share := range shares {
		for _, rate := range []float64{6, 60, 600} {
			all = append(all, &scenario{rate: rate, share: share, seed: uint64(1000*share)*1000 + uint64(rate)})
		}
	}
	return all
}

// simulate runs them side by side; each has its own seed, so the order does not matter.
func simulate(scenarios []*scenario, one func(*scenario)) {
	var all sync.WaitGroup
	for _, s := range scenarios {
		all.Go(func() { one(s) })
	}
	all.Wait()
}

func (s *scenario) testHealthy(t *testing.T) {
	t.Helper()
	// More than four standard deviations beyond the promise is no bad luck.
	mean := healthyRuns * s.promised
	if limit := mean + 4*math.Sqrt(mean*(1-s.promised)); float64(s.healthy.rolledBack) > limit {
		t.Errorf("%v%% errors at %v/min: %d of %d healthy runs rolled back, promised are at most %.1f", 100*s.share, s.rate, s.healthy.rolledBack, healthyRuns, mean)
	}
	// At half the null there is nothing that bad luck would explain.
	if s.share == 0.01 && s.healthy.rolledBack > 1 {
		t.Errorf("1%% errors at %v/min: %d healthy runs rolled back, want none or one", s.rate, s.healthy.rolledBack)
	}
	if s.healthy.missed > 0 {
		t.Errorf("%v%% errors at %v/min: in %d runs a rule fired whose share was not above", 100*s.share, s.rate, s.healthy.missed)
	}
}

func (s *scenario) testFaulty(t *testing.T) {
	t.Helper()
	f := s.faulty
	if s.share == 0.30 && s.rate == 60 && !(f.quantile(0.5) < 1) {
		t.Errorf("30%% errors at 60/min are found in %s minutes, want less than 1", minutes(f.quantile(0.5)))
	}
	if f.found() < len(f.minutes)*99/100 {
		t.Errorf("%v%% errors at %v/min are found in %d of %d runs", 100*s.share, s.rate, f.found(), len(f.minutes))
	}
	if f.early > 1 {
		t.Errorf("at %v/min %d runs were rolled back before the fault, want none or one", s.rate, f.early)
	}
}

func tables(calm, faults []*scenario) string {
	var out strings.Builder
	out.WriteString("Of 1,000 healthy runs of 3 hours, how many were rolled back:\n\n")
	out.WriteString("| errors | requests/min | by these rules | promised: at most | by a bare \"> 10% over 5 min\" | by a bare \"> 2% over 5 min\" |\n|---|---|---|---|---|---|\n")
	for _, s := range calm {
		fmt.Fprintf(&out, "| %.0f%% | %.0f | %d | %.1f | %d | %d |\n", 100*s.share, s.rate,
			s.healthy.rolledBack, healthyRuns*s.promised, s.healthy.bare10, s.healthy.bare2)
	}
	out.WriteString("\nMinutes from the beginning of a fault, after half an hour at 1%, to the rollback (1,000 runs each):\n\n")
	out.WriteString("| errors | requests/min | found within 3 h | median | p90 | first by the e-CUSUM | by 10% for 5 min | by 5% for 15 min |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range faults {
		f, n := s.faulty, len(s.faulty.minutes)
		fmt.Fprintf(&out, "| %.0f%% | %.0f | %.1f%% | %s | %s | %.1f%% | %.1f%% | %.1f%% |\n", 100*s.share, s.rate,
			of(f.found(), n), minutes(f.quantile(0.5)), minutes(f.quantile(0.9)),
			of(f.by["e-CUSUM"], n), of(f.by["10% for 5 min"], n), of(f.by["5% for 15 min"], n))
	}
	return out.String()
}

func of(k, n int) float64 { return 100 * float64(k) / float64(n) }

func minutes(m float64) string {
	if math.IsInf(m, 1) {
		return "not found"
	}
	return fmt.Sprintf("%.2f", m)
}

// compare holds the page to what was simulated, or writes it.
func compare(t *testing.T, tables string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	old, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s does not have the lines %q and %q", page, begin, end)
	}
	tables = "\n" + tables + "\n"
	switch {
	case old == tables:
	case *update:
		if err := os.WriteFile(page, []byte(before+begin+tables+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s has\n%s\nsimulated was\n%s\nwrite it anew with: go test ./rollout/gate -run TestSimulation -update", page, old, tables)
	}
}
