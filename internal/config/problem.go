package config

import (
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

// problem is one thing that is wrong with the configuration, and what to do
// about it. Neither text may hold a secret, nor anything that might be a
// piece of one.
type problem struct {
	text string
	fix  string
}

// problems collects everything that is wrong, so that it is all reported at
// once instead of one item per attempt.
type problems []problem

func (p *problems) add(fix, format string, args ...any) {
	found := problem{text: fmt.Sprintf(format, args...), fix: fix}
	if !slices.Contains(*p, found) {
		*p = append(*p, found)
	}
}

// failure returns the problems as one *ops.Failure, nil when there are none.
func (p problems) failure() error {
	if len(p) == 0 {
		return nil
	}
	f := &ops.Failure{Code: ops.ExitUsage, State: []string{"nothing was touched"}}
	for _, each := range p {
		f.Detail = append(f.Detail, each.text)
		if each.fix != "" && !slices.Contains(f.Next, each.fix) {
			f.Next = append(f.Next, each.fix)
		}
	}
	if len(p) == 1 {
		f.What, f.Detail = p[0].text, nil
		return f
	}
	f.What = fmt.Sprintf("%d problems in the configuration", len(p))
	return f
}
