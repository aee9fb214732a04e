package gate

import (
	"errors"
	"fmt"
)

// Budget judges "fewer than Threshold are bad" by Wilson's interval: pass when all of
// it lies below, fail when all of it lies above, else hold. It is to be asked once,
// at the end of the soak; who asks again and again until it passes has another alpha
// than the one that is written down. Sustained and CUSUM are for that.
type Budget struct {
	What      string  // what is counted, in the plural: "errors"
	Threshold float64 // a share, between 0 and 1: 0.02 for "fewer than 2%"
	Alpha     float64 // two-sided: 0.05 for an interval at 95%
	AtLeast   int64   // with fewer observations it holds, whatever they say; 0: as few as tell
}

// Check tells of a budget that no count could be judged by.
func (b Budget) Check() error {
	if err := checkShare("threshold", b.Threshold); err != nil {
		return fmt.Errorf("the budget of %s: %w", named(b.What), err)
	}
	if err := checkAlpha(b.Alpha); err != nil {
		return fmt.Errorf("the budget of %s: %w", named(b.What), err)
	}
	if b.AtLeast < 0 {
		return fmt.Errorf("the budget of %s wants at least %d observations: 0 or more can be wanted", named(b.What), b.AtLeast)
	}
	return nil
}

// Judge judges bad of total.
func (b Budget) Judge(bad, total int64) Judgement {
	if err := b.Check(); err != nil {
		return unjudged(bad, total, b.Threshold, 1-b.Alpha, err.Error())
	}
	if reason := nonsense(bad, total); reason != "" {
		return unjudged(bad, total, b.Threshold, 1-b.Alpha, reason)
	}
	z := Z(b.Alpha)
	j := Judgement{Bad: bad, Total: total, Threshold: b.Threshold, Confidence: 1 - b.Alpha}
	j.Low, j.High = Wilson(bad, total, z)
	j.Words = shareWords(j, quantity(bad, b.What))
	j.decide(b.AtLeast)
	if j.Verdict == Hold {
		j.More = more(bad, total, b.Threshold, z, b.AtLeast)
		if j.Reason == "" {
			j.Reason = percent(b.Threshold) + " lies inside the interval" + wanted(j.More)
		}
	}
	return j
}

// Together judges m budgets as one question, "are all kept?": each at alpha/m
// (Bonferroni), so that with many of them one fails or passes by chance no more often
// than with a single one. The budgets given are left as they are.
func Together(alpha float64, budgets []Budget) []Budget {
	together := make([]Budget, len(budgets))
	for i, b := range budgets {
		b.Alpha = alpha / float64(len(budgets))
		together[i] = b
	}
	return together
}

// decide gives the verdict by the interval, once there are enough observations. The
// reason is left to the caller when there are and the threshold lies inside.
func (j *Judgement) decide(atLeast int64) {
	switch {
	case j.Total == 0:
		j.Verdict, j.Reason = Hold, "nothing was counted, which is neither good nor bad"
	case j.Total < atLeast:
		j.Verdict, j.Reason = Hold, fmt.Sprintf("%s of at least %s counted", count(j.Total), count(atLeast))
	case j.High < j.Threshold:
		j.Verdict = Pass
	case j.Low > j.Threshold:
		j.Verdict = Fail
	default:
		j.Verdict = Hold
	}
}

// more is about how many observations are missing until k of n tells, if the share
// stays as it is; with nothing counted, if none will be bad.
func more(k, n int64, threshold, z float64, atLeast int64) int64 {
	var p float64
	if n > 0 {
		p = float64(k) / float64(n)
	}
	wanted := enough(p, threshold, z)
	if wanted == 0 {
		return 0
	}
	return max(wanted-n, atLeast-n, 1)
}

func wanted(more int64) string {
	if more == 0 {
		return ", and the share is so near it that no number of observations is known to tell"
	}
	return "; about " + count(more) + " more would tell, if they come as these"
}

func checkShare(what string, x float64) error {
	if !(x > 0 && x < 1) {
		return fmt.Errorf("the %s is %v, but must be above 0 and below 1 (0.02 is 2%%)", what, x)
	}
	return nil
}

func checkAlpha(alpha float64) error {
	if !(alpha > 0 && alpha < 1) {
		return fmt.Errorf("alpha is %v, but must be above 0 and below 1 (0.05 for an interval at 95%%)", alpha)
	}
	if 1-alpha == 1 {
		return errors.New("alpha is so small that no confidence below 1 is left")
	}
	return nil
}

func named(what string) string {
	if what == "" {
		return "something without a name"
	}
	return what
}
