package gate

import "math"

// comparison is what the Mann–Whitney test says of two samples.
type comparison struct {
	effect    float64 // P(later > earlier) + P(tie)/2 = U/(n₁n₂)
	deviation float64 // of the effect, if both samples are of one kind: σ/(n₁n₂)
	spread    float64 // of the effect as it is, whatever the kinds
	p         float64 // one-sided: so large an effect or a larger one by chance
}

// mannWhitney compares counts per bucket, all in a bucket being ties:
//
//	σ² = n₁n₂/12 · [(N+1) − Σ(τ³−τ)/(N(N−1))],   τ = both counts of a bucket together
//
// The bracket is computed as Σ τ(N−τ)(N+τ) / (N(N−1)), which is the same and does not
// cancel where nearly all lie in one bucket.
func mannWhitney(earlier, later []int64) comparison {
	var n1, n2 float64
	for i := range earlier {
		n1, n2 = n1+float64(earlier[i]), n2+float64(later[i])
	}
	all := n1 + n2
	var effect, ties float64
	var below1 float64
	for i := range earlier {
		a, b := float64(earlier[i]), float64(later[i])
		effect += b / n2 * ((below1 + a/2) / n1)
		below1 += a
		t := a + b
		ties += t / all * ((all - t) / (all - 1)) * (all + t)
	}
	c := comparison{effect: effect, deviation: math.Sqrt(ties / 12 / n1 / n2)}
	c.p = math.Erfc((effect-0.5)/c.deviation/math.Sqrt2) / 2
	c.spread = spread(earlier, later, n1, n2, effect)
	return c
}

// spread is the standard deviation of the effect by DeLong, DeLong and Clarke-Pearson
// (1988): how far the places of either sample's members among the other's vary. It
// does not assume that both are of one kind, as the test's own does.
func spread(earlier, later []int64, n1, n2, effect float64) float64 {
	if n1 < 2 || n2 < 2 {
		return 0.5
	}
	var below1, below2, of1, of2 float64
	for i := range earlier {
		a, b := float64(earlier[i]), float64(later[i])
		faster := (below1 + a/2) / n1 // of the earlier, than a later one here
		slower := 1 - (below2+b/2)/n2 // of the later, than an earlier one here
		of1 += a * math.Pow(slower-effect, 2)
		of2 += b * math.Pow(faster-effect, 2)
		below1, below2 = below1+a, below2+b
	}
	return math.Sqrt(of1/(n1-1)/n1 + of2/(n2-1)/n2)
}
