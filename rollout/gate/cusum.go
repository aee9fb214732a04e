package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// CUSUM is the e-CUSUM (Shin, Ramdas, Rinaldo, E-detectors, 2022): it may be asked
// after every tick, and still alarms falsely no more often than once in Limit ticks on
// average, as long as each request, given those before, is bad with a chance of at most
// Null. For each alternative p and each batch of k bad of n:
//
//	M ← max(M, 1) · (p/Null)^k · ((1−p)/(1−Null))^(n−k),   alarm when the mean of M ≥ Limit
//
// It is its own state: written as JSON, another process goes on with it.
type CUSUM struct {
	Null         float64   `json:"null"`         // the worst share that is still healthy
	Alternatives []float64 `json:"alternatives"` // shares that are not
	Logs         []float64 `json:"logs"`         // of each alternative, the natural logarithm of M
	Limit        float64   `json:"limit"`        // 1/alpha
}

// NewCUSUM has seen nothing yet.
func NewCUSUM(null float64, alternatives []float64, limit float64) CUSUM {
	return CUSUM{
		Null: null, Alternatives: slices.Clone(alternatives),
		Logs: make([]float64, len(alternatives)), Limit: limit,
	}
}

// Check tells of parameters, or of a state that was read, that could never alarm rightly.
func (c CUSUM) Check() error {
	if err := checkShare("null", c.Null); err != nil {
		return fmt.Errorf("e-CUSUM: %w", err)
	}
	if len(c.Alternatives) == 0 {
		return errors.New("e-CUSUM: there is no alternative to tell the healthy share from; give some, for example 0.04, 0.08, 0.15, 0.3")
	}
	for _, p := range c.Alternatives {
		if !(p > c.Null && p < 1) {
			return fmt.Errorf("e-CUSUM: the alternative %v must be above the null %v and below 1", p, c.Null)
		}
	}
	if !(c.Limit > 1) || math.IsInf(c.Limit, 0) {
		return fmt.Errorf("e-CUSUM: the limit is %v, but must be above 1 (10000 for one false alarm in 10,000 ticks)", c.Limit)
	}
	if len(c.Logs) != len(c.Alternatives) {
		return fmt.Errorf("e-CUSUM: the state is of %d alternatives, the parameters of %d; begin anew with NewCUSUM", len(c.Logs), len(c.Alternatives))
	}
	for _, m := range c.Logs {
		if math.IsNaN(m) || math.IsInf(m, 0) {
			return fmt.Errorf("e-CUSUM: the state has %v, which no batch leads to; begin anew with NewCUSUM", m)
		}
	}
	return nil
}

// Add takes a batch, k bad of n, and tells whether the limit is reached. A batch that
// cannot be leaves everything as it was: it neither fires nor clears. So does not
// calling Add for a tick without data. A state that Check refuses never alarms.
func (c *CUSUM) Add(bad, total int64) (alarm bool) {
	if c.Check() != nil {
		return false
	}
	if nonsense(bad, total) == "" {
		logs := make([]float64, len(c.Logs)) // a new one: copies of a CUSUM are apart
		health := math.Log1p(-c.Null)
		for i, p := range c.Alternatives {
			up, down := math.Log(p/c.Null), math.Log1p(-p)-health
			logs[i] = max(c.Logs[i], 0) + float64(bad)*up + float64(total-bad)*down
		}
		c.Logs = logs
	}
	return c.Alarm()
}

// Alarm tells whether the limit is reached, by what was added so far.
func (c CUSUM) Alarm() bool {
	return c.Check() == nil && c.evidence() >= math.Log(c.Limit)
}

// Evidence is the mean of M as a power of ten: with a limit of 10⁴ the alarm is at 4.
// NaN for a state that Check refuses.
func (c CUSUM) Evidence() float64 {
	if c.Check() != nil {
		return math.NaN()
	}
	return c.evidence() / math.Ln10
}

// Reset forgets what was seen. To be called once the alarm has been acted upon: else a
// long fault would have to be outweighed by as long a health.
func (c *CUSUM) Reset() {
	c.Logs = make([]float64, len(c.Alternatives))
}

// evidence is the natural logarithm of the mean of M.
func (c CUSUM) evidence() float64 {
	highest := slices.Max(c.Logs)
	var sum float64
	for _, m := range c.Logs {
		sum += math.Exp(m - highest)
	}
	return highest + math.Log(sum/float64(len(c.Logs)))
}
