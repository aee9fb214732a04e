package gate

import (
	"fmt"
	"math"
)

// Slow judges "fewer than Share take longer than Bound": a p95 below 300 ms is fewer
// than 5% above 300 ms. Where the histogram has a bucket at Bound, those above are
// counted and judged as a Budget is. Where it has not, nothing is interpolated: it
// passes when even those above the bucket below are few enough, fails when those above
// the bucket above are too many already, and else holds and names the bucket to add.
type Slow struct {
	What    string  // what is timed, in the plural: "requests"; empty: that
	Bound   float64 // seconds
	Share   float64 // between 0 and 1: 0.05 for a p95
	Alpha   float64 // two-sided: 0.05 for an interval at 95%
	AtLeast int64   // with fewer observations it holds; 0: as few as tell
}

// Check tells of a bound that no histogram could be judged by.
func (s Slow) Check() error {
	what := s.what()
	if !(s.Bound > 0) || math.IsInf(s.Bound, 0) {
		return fmt.Errorf("slow %s: the bound is %v, but must be seconds above 0 (0.3 is 300 ms)", what, s.Bound)
	}
	if err := checkShare("share", s.Share); err != nil {
		return fmt.Errorf("slow %s: %w", what, err)
	}
	if err := checkAlpha(s.Alpha); err != nil {
		return fmt.Errorf("slow %s: %w", what, err)
	}
	if s.AtLeast < 0 {
		return fmt.Errorf("slow %s: at least %d observations are wanted: 0 or more can be", what, s.AtLeast)
	}
	return nil
}

// Judge judges a cumulative histogram. Bad is how many were slower than the bound;
// where that is not counted, how many at most, or when it fails at least.
func (s Slow) Judge(buckets []Bucket) Judgement {
	reason := broken(buckets)
	if err := s.Check(); err != nil {
		reason = err.Error()
	}
	if reason != "" {
		return unjudged(0, total(buckets), s.Share, 1-s.Alpha, reason)
	}
	fewest, atMost, exact := s.slower(buckets)
	n, z := total(buckets), Z(s.Alpha)
	j := Judgement{Bad: atMost.count, Total: n, Threshold: s.Share, Confidence: 1 - s.Alpha}
	_, j.High = Wilson(atMost.count, n, z)
	j.Low, _ = Wilson(fewest.count, n, z)
	j.decide(s.AtLeast)

	switch {
	case exact:
		j.Words = shareWords(j, quantity(j.Bad, s.what())+" slower than "+seconds(s.Bound))
	case j.Low > j.Threshold:
		j.Bad = fewest.count
		j.Words = shareWords(j, "at least "+quantity(j.Bad, s.what())+" slower than "+seconds(s.Bound)+" (counted above "+seconds(fewest.bound)+")")
	default:
		j.Words = shareWords(j, "at most "+quantity(j.Bad, s.what())+" slower than "+seconds(s.Bound)+" (counted above "+seconds(atMost.bound)+")")
	}
	if j.Verdict == Hold {
		s.explain(&j, fewest.count, atMost.count, exact, z)
	}
	return j
}

// above is how many were slower than a bound that the histogram has.
type above struct {
	bound float64
	count int64
}

// slower counts those slower than the bound: one number when the histogram has that
// bucket, else the fewest and the most that can be.
func (s Slow) slower(buckets []Bucket) (fewest, atMost above, exact bool) {
	n := total(buckets)
	atMost = above{bound: 0, count: n}
	for _, b := range buckets {
		here := above{bound: b.LE, count: n - b.Count}
		switch {
		case same(b.LE, s.Bound):
			return here, here, true
		case b.LE < s.Bound:
			atMost = here
		default:
			return here, atMost, false
		}
	}
	return fewest, atMost, false
}

// explain says why it holds and what would help: more observations, or a bucket.
func (s Slow) explain(j *Judgement, fewest, atMost int64, exact bool, z float64) {
	if exact {
		j.More = more(atMost, j.Total, s.Share, z, s.AtLeast)
		if j.Reason == "" {
			j.Reason = percent(s.Share) + " lies inside the interval" + wanted(j.More)
		}
		return
	}
	bucket := "the histogram has no bucket at " + seconds(s.Bound) + "; add one (le=\"" + short(s.Bound) + "\")"
	n := float64(j.Total)
	switch {
	case j.Total == 0 || float64(atMost)/n < s.Share:
		j.More = more(atMost, j.Total, s.Share, z, s.AtLeast)
	case float64(fewest)/n > s.Share:
		j.More = more(fewest, j.Total, s.Share, z, s.AtLeast)
	}
	switch {
	case j.Reason != "":
		j.Reason += "; " + bucket
	case j.More > 0:
		j.Reason = percent(s.Share) + " lies inside the interval" + wanted(j.More) + "; " + bucket
	default:
		j.Reason = fmt.Sprintf("between %s and %s were slower: %s", count(fewest), count(atMost), bucket)
	}
}

func (s Slow) what() string {
	if s.What == "" {
		return "requests"
	}
	return s.What
}
