package gate

import "math"

// Verdict is what a gate says.
type Verdict string

// The verdicts. Hold is neither good nor bad: it cannot be told, the Judgement says why.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	Hold Verdict = "hold"
)

// most is the largest count that is believed: beyond 2^53 a float64, which is what
// metrics are counted in, no longer tells neighbours apart.
const most = 1 << 53

// Judgement is a verdict with its evidence.
type Judgement struct {
	Verdict Verdict `json:"verdict"`
	Bad     int64   `json:"bad"`
	Total   int64   `json:"total"`

	// Low and High bound what was estimated, at Confidence (0.95): the share of bad
	// ones, 0 … 1, or for Slower the chance that a request is slower than before.
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Threshold  float64 `json:"threshold"`
	Confidence float64 `json:"confidence"`

	// Effect and P are Slower's: the chance that a request is slower than one from
	// before, 0.5 when nothing has changed, and the p-value of the Mann–Whitney test.
	Effect float64 `json:"effect,omitempty"`
	P      float64 `json:"p,omitempty"`

	// Words is the evidence: "14 errors in 2,310 (0.6%, 95% 0.4–1.0%) < 2%".
	Words string `json:"words"`
	// Reason says why it holds; empty otherwise.
	Reason string `json:"reason,omitempty"`
	// More is about how many more observations are needed to tell, if they come as
	// those so far; 0 when that is not known, or would not help.
	More int64 `json:"more,omitempty"`
}

// unjudged is the hold of what cannot be judged at all. It has no NaN, which JSON
// would refuse.
func unjudged(bad, total int64, threshold, confidence float64, reason string) Judgement {
	return Judgement{
		Verdict: Hold, Bad: bad, Total: total, Low: 0, High: 1,
		Threshold: finite(threshold), Confidence: finite(confidence),
		Words: "cannot be told: " + reason, Reason: reason,
	}
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// nonsense says what is impossible about k bad of n, or nothing.
func nonsense(bad, total int64) string {
	switch {
	case bad < 0 || total < 0:
		return "a count is negative"
	case bad > total:
		return "more bad ones were counted than there were at all"
	case total > most:
		return "a count is beyond 2^53, where counters are no longer exact"
	}
	return ""
}
