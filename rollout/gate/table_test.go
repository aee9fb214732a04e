package gate_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
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
	var out strings.Builder
	rates := []float64{6, 60, 600}

	fmt.Fprintf(&out, "Of %s healthy runs of 3 hours, rolled back:\n\n", "1,000")
	out.WriteString("| errors | requests/min | by these rules | promised: at most | by \"> 10%\" over 5 min | by \"> 2%\" over 5 min |\n|---|---|---|---|---|---|\n")
	for _, share := range []float64{0.01, 0.02} {
		for i, rate := range rates {
			h := simulateHealthy(rate, share, uint64(100*share)*10+uint64(i))
			bound := promised(rate, share)
			fmt.Fprintf(&out, "| %.0f%% | %.0f | %d | %.1f | %d | %d |\n", 100*share, rate, h.rolledBack, bound*healthyRuns, h.bare10, h.bare2)
			if h.missed > 0 {
				t.Errorf("%v%% errors at %v/min: in %d runs a rule fired whose share was not above", 100*share, rate, h.missed)
			}
			// More than five standard deviations beyond the promise is no bad luck.
			if limit := healthyRuns*bound + 5*math.Sqrt(healthyRuns*bound*(1-bound)); float64(h.rolledBack) > limit {
				t.Errorf("%v%% errors at %v/min: %d of %d healthy runs rolled back, promised are at most %.1f", 100*share, rate, h.rolledBack, healthyRuns, bound*healthyRuns)
			}
			if share == 0.01 && float64(h.rolledBack) > healthyRuns*bound {
				t.Errorf("1%% errors at %v/min: %d healthy runs rolled back, promised are at most %.1f", rate, h.rolledBack, healthyRuns*bound)
			}
		}
	}

	out.WriteString("\nMinutes from the beginning of a fault, after half an hour at 1%, to the rollback:\n\n")
	out.WriteString("| errors | requests/min | found within 3 h | median | p90 | first by e-CUSUM | by 10% for 5 min | by 5% for 15 min |\n|---|---|---|---|---|---|---|---|\n")
	for _, share := range []float64{0.30, 0.08} {
		for i, rate := range rates {
			f := simulateFault(rate, share, uint64(100*share)*10+uint64(i))
			n := len(f.minutes)
			fmt.Fprintf(&out, "| %.0f%% | %.0f | %.1f%% | %s | %s | %.1f%% | %.1f%% | %.1f%% |\n", 100*share, rate, of(f.found(), n), minutes(f.quantile(0.5)), minutes(f.quantile(0.9)),
				of(f.by["e-CUSUM"], n), of(f.by["10% for 5 min"], n), of(f.by["5% for 15 min"], n))
			if share == 0.30 && rate == 60 && !(f.quantile(0.5) < 1) {
				t.Errorf("30%% errors at 60/min are found in %s minutes, want less than 1", minutes(f.quantile(0.5)))
			}
			if f.found() < n*99/100 {
				t.Errorf("%v%% errors at %v/min are found in %d of %d runs", 100*share, rate, f.found(), n)
			}
			if float64(f.early) > healthyRuns*promised(rate, 0.01) {
				t.Errorf("at %v/min %d runs were rolled back before the fault", rate, f.early)
			}
		}
	}
	compare(t, out.String())
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
