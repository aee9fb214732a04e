package gate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipper/clipperops/rollout/gate"
)

// near tells whether two numbers agree to a part in 1/precision.
func near(got, want, precision float64) bool {
	return got == want || math.Abs(got-want) <= precision*math.Abs(want)
}

// TestZ against values computed with 60 digits (mpmath: the root of erfc(z/√2) = alpha).
func TestZ(t *testing.T) {
	t.Parallel()
	for alpha, want := range map[float64]float64{
		0.9999: 0.0001253314140596669,
		0.5:    0.67448975019608174,
		0.1:    1.6448536269514727,
		0.05:   1.9599639845400542,
		0.0125: 2.4977054744123728,
		0.01:   2.5758293035489008,
		0.001:  3.2905267314918948,
		1e-6:   4.8916384756985904,
		1e-12:  7.1305068481713245,
		1e-20:  9.33604484923406,
		1e-100: 21.305940069351527,
	} {
		// At 0.9999 alpha itself is known to 1e-16, z therefore to 1e-12.
		if got := gate.Z(alpha); !near(got, want, 1e-12) {
			t.Errorf("Z(%v) = %.17g, want %.17g", alpha, got, want)
		}
	}
	for _, alpha := range []float64{0, 1, -0.1, 2, math.NaN(), math.Inf(1)} {
		if got := gate.Z(alpha); !math.IsNaN(got) {
			t.Errorf("Z(%v) = %v, want NaN", alpha, got)
		}
	}
}

// TestWilsonAsPublished: Newcombe, Two-sided confidence intervals for the single
// proportion, Statistics in Medicine 17 (1998), table I, method 3, at 95%.
func TestWilsonAsPublished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k, n      int64
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		low, high := gate.Wilson(c.k, c.n, gate.Z(0.05))
		if math.Abs(low-c.low) > 0.00005 || math.Abs(high-c.high) > 0.00005 {
			t.Errorf("Wilson(%d, %d) = %.4f–%.4f, published is %.4f–%.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

// TestWilsonKeepsItsDigits against the formula computed with 60 digits (mpmath), also
// where counts are so large or shares so small that the plain formula has few left.
func TestWilsonKeepsItsDigits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k, n      int64
		low, high float64
	}{
		{1, 1, 0.20654931437723743, 1},
		{14, 2310, 0.0036136379583707507, 0.010147658736919212},
		{1, 1e12, 1.7652455493517476e-13, 5.6649342657365106e-12},
		{1e12 - 1, 1e12, 0.99999999999433507, 0.99999999999982348},
		{2e10, 1e12, 0.019999725606886059, 0.020000274396801742},
		{3e11 + 7, 1e12, 0.29999910183943643, 0.30000089817610015},
		{0, 1e12, 0, 3.8414588206793682e-12},
		{5, 1 << 53, 2.371104576652186e-16, 1.2996001700483391e-15},
	} {
		low, high := gate.Wilson(c.k, c.n, 1.959963984540054)
		if !near(low, c.low, 1e-13) || !near(high, c.high, 1e-13) {
			t.Errorf("Wilson(%d, %d) = %.17g–%.17g, want %.17g–%.17g", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

// TestWilsonOfNothing: no observations, and what cannot be, tell nothing.
func TestWilsonOfNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k, n int64
		z    float64
	}{{0, 0, 2}, {-1, 5, 2}, {6, 5, 2}, {0, -5, 2}, {1, 5, math.NaN()}, {1, 5, -1}, {1, 5, math.Inf(1)}} {
		if low, high := gate.Wilson(c.k, c.n, c.z); low != 0 || high != 1 {
			t.Errorf("Wilson(%d, %d, %v) = %v–%v, want 0–1", c.k, c.n, c.z, low, high)
		}
	}
}

// TestWilsonsProperties: the interval has p̂ inside, moves up with every further bad
// one, is symmetric in good and bad, and narrows as observations are added.
func TestWilsonsProperties(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1927))
	for range 20_000 {
		n := 1 + rng.Int64N(int64(math.Pow(10, 1+11*rng.Float64())))
		k := rng.Int64N(n)
		z := 0.1 + 5*rng.Float64()
		low, high := gate.Wilson(k, n, z)
		if p := float64(k) / float64(n); !(0 <= low && low <= p && p <= high && high <= 1) {
			t.Fatalf("Wilson(%d, %d, %v) = %v–%v without %v inside", k, n, z, low, high, p)
		}
		if nextLow, nextHigh := gate.Wilson(k+1, n, z); nextLow < low || nextHigh < high {
			t.Fatalf("Wilson(%d, %d, %v) = %v–%v lies below that of one bad less, %v–%v", k+1, n, z, nextLow, nextHigh, low, high)
		}
		if otherLow, otherHigh := gate.Wilson(n-k, n, z); math.Abs(otherLow-(1-high)) > 1e-15 || math.Abs(otherHigh-(1-low)) > 1e-15 {
			t.Fatalf("Wilson(%d, %d, %v) = %v–%v is not the mirror of %v–%v", n-k, n, z, otherLow, otherHigh, low, high)
		}
		if moreLow, moreHigh := gate.Wilson(2*k, 2*n, z); moreHigh-moreLow > (high-low)*(1+1e-9)+1e-15 {
			t.Fatalf("twice %d of %d at %v leaves the interval wider: %v–%v after %v–%v", k, n, z, moreLow, moreHigh, low, high)
		}
	}
}
