package gate

import "math"

// Z is the two-sided quantile of the normal distribution: outside ±Z(alpha) lies alpha
// of it. Z(0.05) = 1.959964. NaN unless 0 < alpha < 1.
func Z(alpha float64) float64 {
	if !(alpha > 0 && alpha < 1) {
		return math.NaN()
	}
	z := math.Sqrt2 * math.Erfcinv(alpha)
	// Erfcinv(x) is computed as Erfinv(1−x), which forgets the digits of a small x and
	// is infinite below 1e-16; a few steps of Newton's bring them back.
	if math.IsInf(z, 0) {
		z = math.Sqrt(-2 * math.Log(alpha))
	}
	for range 40 {
		tail := math.Erfc(z / math.Sqrt2)
		if tail == 0 {
			break // alpha is below what a float64 holds of the tail
		}
		density := math.Sqrt(2/math.Pi) * math.Exp(-z*z/2)
		step := tail * math.Log(tail/alpha) / density // on the logarithm, where the tail is nearly a parabola
		z += step
		if math.Abs(step) <= 1e-15*z {
			break
		}
	}
	return z
}

// Wilson is Wilson's score interval (1927) for k of n at the two-sided quantile z:
//
//	[p̂ + z²/2n ∓ z√(p̂(1−p̂)/n + z²/4n²)] / (1 + z²/n)
//
// n = 0 tells nothing: 0, 1. So does what cannot be counted or is not a number.
func Wilson(k, n int64, z float64) (low, high float64) {
	if n <= 0 || k < 0 || k > n || !(z >= 0) || math.IsInf(z, 0) {
		return 0, 1
	}
	size := float64(n)
	p, q := float64(k)/size, float64(n-k)/size
	zz := z * z / size
	top := p + zz/2 + math.Sqrt(zz*(p*q+zz/4))
	// The product of the two bounds is p̂²/(1+z²/n): so written, nothing cancels.
	if k > 0 {
		low = p * p / top
	}
	high = 1
	if k < n {
		high = min(top/(1+zz), 1)
	}
	return low, high
}

// enough is the smallest n at which Wilson's interval around p no longer has the
// threshold t inside, 0 if there is none within reason: it excludes t just when
// |p−t| > z√(t(1−t)/n).
func enough(p, t, z float64) int64 {
	d := math.Abs(p-t) / z
	n := math.Floor(t*(1-t)/(d*d)) + 1
	if !(n < 1e15) {
		return 0
	}
	return int64(n)
}
