package metrics

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// promQL reads expressions as a Prometheus with no feature flags does.
var promQL = parser.NewParser(parser.Options{})

// rangeSelector is the expression for raw samples. Windows ask for raw samples: a range selector, evaluated at its end.
func rangeSelector(selector string, from, to time.Time) (string, error) {
	if !from.Before(to) {
		return "", errors.New("the window ends before it begins")
	}
	expr, err := promQL.ParseExpr(selector)
	if err != nil {
		return "", errors.New(parseError(err))
	}
	v, ok := expr.(*parser.VectorSelector)
	switch {
	case !ok:
		return "", errors.New("it is to be a selector, like name{label=\"value\"}, not a calculation: the samples themselves are counted")
	case v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0:
		return "", errors.New("it has its own time (offset or @); the window says when")
	}
	// Rendered anew: what was typed may end in a comment.
	return v.String() + "[" + strconv.FormatInt(to.UnixMilli()-from.UnixMilli()+1, 10) + "ms]", nil
}

// parseError is the first of the parser's words, without the expression, which
// may be long and is named anyway.
func parseError(err error) string {
	var all parser.ParseErrors
	if errors.As(err, &all) && len(all) > 0 {
		return all[0].PositionRange.StartPosInput(all[0].Query, all[0].LineOffset) + ": " + all[0].Err.Error()
	}
	return err.Error()
}
