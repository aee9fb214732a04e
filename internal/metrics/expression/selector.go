package expression

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// PromQL reads expressions as a Prometheus with no feature flags does.
var PromQL = parser.NewParser(parser.Options{})

// Selector says which series are meant: name{label="value"}.
type Selector struct{ vector *parser.VectorSelector }

// ParseSelector reads one. The error is a *Mistake.
func ParseSelector(text string) (Selector, error) {
	expr, err := PromQL.ParseExpr(text)
	if err != nil {
		return Selector{}, MistakeOf(err)
	}
	v, ok := expr.(*parser.VectorSelector)
	switch {
	case !ok:
		return Selector{}, &Mistake{What: "it is to be a selector, like name{label=\"value\"}, not a calculation: the samples themselves are counted"}
	case v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0:
		return Selector{}, &Mistake{What: "it has its own time (offset or @); the window says when"}
	}
	return Selector{v}, nil
}

// String is the selector rendered anew: what was typed may end in a comment.
func (s Selector) String() string { return s.vector.String() }

// Samples is the expression for its raw samples of that long, to the millisecond.
func (s Selector) Samples(long time.Duration) string {
	return s.String() + "[" + strconv.FormatInt(long.Milliseconds(), 10) + "ms]"
}

// bucketSuffix ends the names of the series of a classic histogram that have a bound.
const bucketSuffix = "_bucket"

// Buckets says why it cannot select the buckets of classic histograms, nil when
// nothing in it speaks against that.
func (s Selector) Buckets() error {
	if name, known := s.equals(model.MetricNameLabel); known && !strings.HasSuffix(name, bucketSuffix) {
		return fmt.Errorf("%s has no buckets; those of a histogram are called …%s", name, bucketSuffix)
	}
	for _, m := range s.vector.LabelMatchers {
		if m.Name == labels.BucketLabel && !m.Matches("+Inf") {
			return errors.New("it leaves out the bucket +Inf, which counts all; select every le")
		}
	}
	return nil
}

// Counter says why its series cannot be added up as counters, nil when nothing in it
// speaks against that.
func (s Selector) Counter() error {
	name, _ := s.equals(model.MetricNameLabel)
	histogram, buckets := strings.CutSuffix(name, bucketSuffix)
	if _, one := s.equals(labels.BucketLabel); buckets && !one {
		return fmt.Errorf("it selects all buckets of %s, where each observation is counted once for every bound above it; %s_count counts it once", histogram, histogram)
	}
	return nil
}

// equals is the one value that it wants of a label.
func (s Selector) equals(label string) (value string, known bool) {
	for _, m := range s.vector.LabelMatchers {
		if m.Name == label && m.Type == labels.MatchEqual {
			return m.Value, true
		}
	}
	return "", false
}
