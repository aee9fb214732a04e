package gate_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clipper/clipperops/rollout/gate"
)

// cumulative makes a histogram with bounds 1, 2, …, +Inf of counts per bucket.
func cumulative(counts ...int64) []gate.Bucket {
	buckets := make([]gate.Bucket, len(counts))
	var sum int64
	for i, c := range counts {
		sum += c
		buckets[i] = gate.Bucket{LE: float64(i + 1), Count: sum}
	}
	buckets[len(buckets)-1].LE = inf
	return buckets
}

// byHand is the Mann–Whitney test on single observations: every pair is compared, and
// the variance is that of the ranks themselves, n₁n₂/(N(N−1)) · Σ(rank − mean rank)²,
// from which the formula with ties is derived.
func byHand(earlier, later []int64) (effect, p float64) {
	var a, b []float64
	for i := range earlier {
		for range earlier[i] {
			a = append(a, float64(i))
		}
		for range later[i] {
			b = append(b, float64(i))
		}
	}
	wins := func(x, y float64) float64 {
		switch {
		case x > y:
			return 1
		case x == y:
			return 0.5
		}
		return 0
	}
	var u float64
	for _, x := range b {
		for _, y := range a {
			u += wins(x, y)
		}
	}
	n1, n2 := float64(len(a)), float64(len(b))
	all := append(append([]float64{}, a...), b...)
	var squares float64
	for _, x := range all {
		rank := 0.5
		for _, y := range all {
			rank += wins(x, y)
		}
		squares += math.Pow(rank-(n1+n2+1)/2, 2)
	}
	sigma := math.Sqrt(n1 * n2 / ((n1 + n2) * (n1 + n2 - 1)) * squares)
	return u / n1 / n2, math.Erfc((u-n1*n2/2)/sigma/math.Sqrt2) / 2
}

func TestMannWhitneyAsByHand(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 1947))
	s := gate.Slower{Alpha: 0.05, Effect: 0.55}
	verdicts := map[gate.Verdict]int{}
	for range 300 {
		width := 2 + rng.IntN(8)
		earlier, later := make([]int64, width), make([]int64, width)
		for i := range width {
			earlier[i], later[i] = rng.Int64N(12), rng.Int64N(12)
		}
		earlier[0], later[width-1] = earlier[0]+1, later[width-1]+1 // never empty, never in one bucket
		effect, p := byHand(earlier, later)
		j := s.Judge(cumulative(earlier...), cumulative(later...))
		if !near(j.Effect, effect, 1e-12) || !near(j.P, p, 1e-9) {
			t.Fatalf("%v against %v: effect %v, p %v; by hand %v, %v", later, earlier, j.Effect, j.P, effect, p)
		}
		fails := p < s.Alpha && effect > s.Effect
		if (j.Verdict == gate.Fail) != fails {
			t.Fatalf("%v against %v: %s at effect %v, p %v", later, earlier, j.Verdict, effect, p)
		}
		verdicts[j.Verdict]++
	}
	if verdicts[gate.Fail] < 20 || verdicts[gate.Pass]+verdicts[gate.Hold] < 20 {
		t.Fatalf("%v: the test would prove little", verdicts)
	}
}

// TestMannWhitneyOfManyKeepsItsDigits: a trillion times the same counts has the same
// effect, and a bucket that holds nearly all leaves the variance what it is.
func TestMannWhitneyOfManyKeepsItsDigits(t *testing.T) {
	t.Parallel()
	s := gate.Slower{Alpha: 0.05, Effect: 0.55}
	few := s.Judge(cumulative(5, 3, 2), cumulative(4, 3, 3))
	many := s.Judge(cumulative(5e11, 3e11, 2e11), cumulative(4e11, 3e11, 3e11))
	if !near(many.Effect, few.Effect, 1e-12) || many.P != 0 {
		t.Errorf("effect %v, p %v of 1e12; effect %v of 10", many.Effect, many.P, few.Effect)
	}
	// One slow one in each sample of a trillion: Σ τ(N−τ)(N+τ)/(N(N−1)) ≈ 6, so that
	// σ of the effect is √(6/12)/10¹². One more slow one moves it by ½/10¹²: the p of
	// one more is that of z = (½·10⁻¹²)/(√(8.99…/12)·10⁻¹²).
	one := s.Judge(cumulative(1e12-1, 1), cumulative(1e12-2, 2))
	if z := 0.5 / math.Sqrt(9.0/12); math.Abs(one.P-math.Erfc(z/math.Sqrt2)/2) > 1e-3 {
		t.Errorf("p = %v, want about %v", one.P, math.Erfc(z/math.Sqrt2)/2)
	}
}

func TestSlower(t *testing.T) {
	t.Parallel()
	s := gate.Slower{Alpha: 0.05, Effect: 0.55, AtLeast: 50}
	for _, c := range []struct {
		name          string
		baseline, now []gate.Bucket
		verdict       gate.Verdict
		words, reason string // a part of each
	}{
		{"as before", cumulative(5000, 3000, 2000), cumulative(500, 300, 200), gate.Pass, "1,000 requests against 10,000 before: slower with a chance of 0.500 (95% 0.483–0.517, p = 0.5) < 0.55", ""},
		{"much slower", cumulative(5000, 3000, 2000), cumulative(200, 300, 500), gate.Fail, "slower with a chance of 0.6", ""},
		{"faster", cumulative(5000, 3000, 2000), cumulative(800, 150, 50), gate.Pass, "< 0.55", ""},
		{"beyond chance, but a trifle", cumulative(5e6, 3e6, 2e6), cumulative(4.9e6, 3e6, 2.1e6), gate.Pass, "p < 0.0001", ""},
		{"too few to tell", cumulative(500, 300, 200), cumulative(30, 20, 10), gate.Hold, "not told from 0.55", "more would tell"},
		{"fewer than wanted", cumulative(5000, 3000, 2000), cumulative(1, 1, 47), gate.Hold, "> 0.55", "10,000 before and 49 now, of at least 50 each"},
		{"nothing now", cumulative(500, 300, 200), cumulative(0, 0, 0), gate.Hold, "", "nothing to compare: 1,000 before, 0 now"},
		{"nothing before", cumulative(0, 0), cumulative(500, 300), gate.Hold, "", "nothing to compare: 0 before, 800 now"},
		{"all in one bucket", cumulative(1000, 0), cumulative(1000, 0), gate.Hold, "", "all lie in one bucket"},
		{"no bound in common", []gate.Bucket{{0.1, 500}, {inf, 1000}}, []gate.Bucket{{0.2, 500}, {inf, 1000}}, gate.Hold, "", "all lie in one bucket"},
		{
			"a bucket was added", cumulative(5000, 3000, 2000),
			[]gate.Bucket{{1, 500}, {1.5, 700}, {2, 800}, {inf, 1000}},
			gate.Pass, "0.500 (95% 0.483–0.517", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := s.Judge(c.baseline, c.now)
			if j.Verdict != c.verdict || !strings.Contains(j.Words, c.words) || !strings.Contains(j.Reason, c.reason) {
				t.Errorf("%s %q, %q\nwant %s with %q and %q", j.Verdict, j.Words, j.Reason, c.verdict, c.words, c.reason)
			}
			if (j.Verdict == gate.Hold) != (j.Reason != "") {
				t.Errorf("%s with the reason %q", j.Verdict, j.Reason)
			}
		})
	}
	for _, s := range []gate.Slower{{Alpha: 0.05, Effect: 0.5}, {Alpha: 0.05, Effect: 1}, {Alpha: 0.05, Effect: math.NaN()}, {Alpha: 5, Effect: 0.6}, {Alpha: 0.05, Effect: 0.6, AtLeast: -1}} {
		if s.Check() == nil || s.Judge(cumulative(9, 9), cumulative(9, 9)).Verdict != gate.Hold {
			t.Errorf("%+v is judged by", s)
		}
	}
}

// TestTheIntervalOfSlowerCovers the true effect as often as it says, also where the two
// samples are of different kinds and the test's own variance would be too small.
func TestTheIntervalOfSlowerCovers(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 1988))
	s := gate.Slower{Alpha: 0.05, Effect: 0.55}
	for name, shares := range map[string][2][]float64{
		"alike":             {{0.5, 0.3, 0.2}, {0.5, 0.3, 0.2}},
		"slower":            {{0.5, 0.3, 0.2}, {0.3, 0.3, 0.4}},
		"fast or very slow": {{0, 1, 0}, {0.5, 0, 0.5}},
	} {
		truth, below := 0.0, 0.0
		for i := range 3 {
			truth += shares[1][i] * (below + shares[0][i]/2)
			below += shares[0][i]
		}
		const runs = 2000
		inside := 0
		for range runs {
			j := s.Judge(cumulative(sample(rng, shares[0], 400)...), cumulative(sample(rng, shares[1], 200)...))
			if j.Low <= truth && truth <= j.High {
				inside++
			}
		}
		// Five standard deviations of a share of 95% in 2,000 runs are 2.4%.
		if inside < runs*926/1000 {
			t.Errorf("%s: %v lies inside %d of %d intervals at 95%%", name, truth, inside, runs)
		}
	}
}

func sample(rng *rand.Rand, shares []float64, n int) []int64 {
	counts := make([]int64, len(shares))
	for range n {
		u, i := rng.Float64(), 0
		for i < len(shares)-1 && u >= shares[i] {
			u -= shares[i]
			i++
		}
		counts[i]++
	}
	return counts
}
