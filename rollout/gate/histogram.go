package gate

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Bucket is a bucket of a cumulative histogram, as Prometheus has them: Count requests
// took LE seconds or less. The last one's LE is +Inf, so its Count is all requests.
type Bucket struct {
	LE    float64
	Count int64
}

type bucketText struct {
	LE    string `json:"le"`
	Count int64  `json:"count"`
}

// MarshalJSON writes the bound as a text, as Prometheus does: JSON has no +Inf.
func (b Bucket) MarshalJSON() ([]byte, error) {
	le := strconv.FormatFloat(b.LE, 'g', -1, 64)
	return json.Marshal(bucketText{LE: le, Count: b.Count})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Bucket) UnmarshalJSON(text []byte) error {
	var t bucketText
	if err := json.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("a bucket must be like {\"le\":\"0.3\",\"count\":12}: %w", err)
	}
	le, err := strconv.ParseFloat(t.LE, 64)
	if err != nil {
		return fmt.Errorf("a bucket's bound must be a number of seconds or +Inf: %w", err)
	}
	*b = Bucket{LE: le, Count: t.Count}
	return nil
}

// broken says what is impossible about a histogram, or nothing.
func broken(buckets []Bucket) string {
	if len(buckets) == 0 {
		return "there is no histogram"
	}
	for i, b := range buckets {
		switch {
		case math.IsNaN(b.LE) || math.IsInf(b.LE, -1):
			return "a bucket's bound is not a number"
		case b.Count < 0:
			return "a count is negative"
		case b.Count > most:
			return "a count is beyond 2^53, where counters are no longer exact"
		case i > 0 && b.LE <= buckets[i-1].LE:
			return "the buckets are not in ascending order, each once"
		case i > 0 && b.Count < buckets[i-1].Count:
			return fmt.Sprintf("the bucket of %s has fewer than the one below it; cumulative counts cannot decrease", seconds(b.LE))
		}
	}
	if !math.IsInf(buckets[len(buckets)-1].LE, 1) {
		return "the last bucket is not +Inf, so nobody knows how many there were"
	}
	return ""
}

// total is how many requests a sound histogram has.
func total(buckets []Bucket) int64 {
	if len(buckets) == 0 {
		return 0
	}
	return buckets[len(buckets)-1].Count
}

// same tells whether two bounds are meant to be one: 0.3 that was read and 0.3 that
// was computed may differ in the last digit.
func same(a, b float64) bool {
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a == b
	}
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b))
}
