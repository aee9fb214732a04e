package gate

import (
	"fmt"
	"math"
)

// Slower judges "no slower than before": the Mann–Whitney test on the bucket counts of
// two histograms. Its effect is the chance that a request of now is slower than one of
// the baseline, a tie counting half: 0.5 when nothing has changed. It fails only when
// that is both beyond chance (p < Alpha, one-sided) and worth noticing (above Effect):
// with enough requests every trifle is significant. It passes when the interval of the
// effect lies below Effect, and else holds.
type Slower struct {
	What    string  // what is timed, in the plural: "requests"; empty: that
	Alpha   float64 // 0.05
	Effect  float64 // above 0.5 and below 1: 0.55
	AtLeast int64   // with fewer in either histogram it holds
}

// Check tells of a comparison that could never be made.
func (s Slower) Check() error {
	if !(s.Effect > 0.5 && s.Effect < 1) {
		return fmt.Errorf("slower %s: the effect is %v, but must be above 0.5, which is no change, and below 1 (0.55 is usual)", s.what(), s.Effect)
	}
	if err := checkAlpha(s.Alpha); err != nil {
		return fmt.Errorf("slower %s: %w", s.what(), err)
	}
	if s.AtLeast < 0 {
		return fmt.Errorf("slower %s: at least %d observations are wanted: 0 or more can be", s.what(), s.AtLeast)
	}
	return nil
}

// Judge compares two cumulative histograms. Bounds that only one of them has are left
// out, so that a release may add buckets. Total is the requests of now.
func (s Slower) Judge(baseline, now []Bucket) Judgement {
	reason := broken(now)
	if r := broken(baseline); r != "" {
		reason = "the baseline: " + r
	}
	if err := s.Check(); err != nil {
		reason = err.Error()
	}
	if reason != "" {
		return unjudged(0, total(now), s.Effect, 1-s.Alpha, reason)
	}
	before, after := common(baseline, now)
	n1, n2 := total(baseline), total(now)
	if n1 == 0 || n2 == 0 {
		return unjudged(0, n2, s.Effect, 1-s.Alpha, fmt.Sprintf("nothing to compare: %s before, %s now", count(n1), count(n2)))
	}
	r := mannWhitney(before, after)
	if r.deviation == 0 {
		return unjudged(0, n2, s.Effect, 1-s.Alpha, "all lie in one bucket, before and now; add buckets that tell them apart")
	}
	z := Z(s.Alpha)
	spread := z * max(r.deviation, r.spread)
	j := Judgement{
		Total: n2, Threshold: s.Effect, Confidence: 1 - s.Alpha,
		Effect: r.effect, P: r.p, Low: max(0, r.effect-spread), High: min(1, r.effect+spread),
	}
	j.Words = s.words(j, n1)
	s.decide(&j, n1, z)
	return j
}

func (s Slower) decide(j *Judgement, before int64, z float64) {
	fewer := min(before, j.Total)
	switch {
	case fewer < s.AtLeast:
		j.Verdict = Hold
		j.Reason = fmt.Sprintf("%s before and %s now, of at least %s each", count(before), count(j.Total), count(s.AtLeast))
		j.More = max(0, s.AtLeast-j.Total)
	case j.P < s.Alpha && j.Effect > s.Effect:
		j.Verdict = Fail
	case j.High < s.Effect:
		j.Verdict = Pass
	default:
		j.Verdict = Hold
		j.More = s.more(*j, before, z)
		j.Reason = short(s.Effect) + " lies inside the interval"
		if j.More > 0 {
			j.Reason += "; about " + count(j.More) + " more would tell, if they come as these"
		} else {
			j.Reason += "; more requests of now alone would not tell, a longer baseline might"
		}
	}
}

// more solves for n₂ the interval's half width, which falls with 1/n₁ + 1/n₂.
func (s Slower) more(j Judgement, before int64, z float64) int64 {
	half := j.High - j.Effect
	gap := math.Abs(s.Effect - j.Effect)
	if j.P >= s.Alpha && j.Effect > s.Effect {
		gap = j.Effect - 0.5 // above the bound already, but not beyond chance
	}
	n1, n2 := float64(before), float64(j.Total)
	sum := (1/n1 + 1/n2) * (gap / half) * (gap / half)
	n := math.Ceil(1 / (sum - 1/n1))
	if !(n > 0 && n < 1e15) {
		return 0
	}
	return max(int64(n)-j.Total, 1)
}

func (s Slower) words(j Judgement, before int64) string {
	relation := " not told from "
	switch {
	case j.High < s.Effect:
		relation = " < "
	case j.P < s.Alpha && j.Effect > s.Effect:
		relation = " > "
	}
	return fmt.Sprintf("%s against %s before: slower with a chance of %.3f (%s %.3f–%.3f, p %s)%s%s",
		quantity(j.Total, s.what()), count(before), j.Effect, percent(j.Confidence), j.Low, j.High, chance(j.P), relation, short(s.Effect))
}

func (s Slower) what() string {
	if s.What == "" {
		return "requests"
	}
	return s.What
}

// common is the counts, not cumulative, between the bounds that both histograms have.
// The last of both is +Inf, so there is one at least.
func common(a, b []Bucket) (inA, inB []int64) {
	var lastA, lastB int64
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case same(a[i].LE, b[j].LE):
			inA, inB = append(inA, a[i].Count-lastA), append(inB, b[j].Count-lastB)
			lastA, lastB = a[i].Count, b[j].Count
			i, j = i+1, j+1
		case a[i].LE < b[j].LE:
			i++
		default:
			j++
		}
	}
	return inA, inB
}
