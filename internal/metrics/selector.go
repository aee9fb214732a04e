package metrics

import (
	"errors"
	"time"

	"github.com/clipper/clipperops/internal/metrics/expression"
)

// rangeSelector is the expression for raw samples. Windows ask for raw samples: a range selector, evaluated at its end.
func rangeSelector(selector string, from, to time.Time) (string, error) {
	if !from.Before(to) {
		return "", errors.New("the window ends before it begins")
	}
	s, err := expression.ParseSelector(selector)
	if err != nil {
		return "", err
	}
	return s.Samples(time.Duration(to.UnixMilli()-from.UnixMilli()+1) * time.Millisecond), nil
}
