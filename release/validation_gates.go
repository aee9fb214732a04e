package release

import (
	"fmt"
)

func (f *file) judgeCriteria(r *Rollout) {
	seen := map[string]bool{}
	for i, s := range r.SignOffs {
		f.criterion("sign_offs", i, s.ID, s.Title, seen)
	}
	for i, g := range r.Gates {
		f.judgeGate(f.criterion("gates", i, g.ID, g.Title, seen), g)
	}
}

func (f *file) judgeGate(at string, g Gate) {
	f.notNegative(at+".at_least", g.AtLeast)
	switch g.Kind {
	case GateRatio:
		f.filled(at+".total", g.Total)
		if len(g.Budgets) == 0 {
			f.problem(at+".budgets", "must hold at least one budget")
		}
		for i, b := range g.Budgets {
			of := fmt.Sprintf("%s.budgets[%d]", at, i)
			f.filled(of+".what", b.What)
			f.filled(of+".bad", b.Bad)
			f.share(of+".below", b.Below)
		}
	case GateAvailability:
		f.bad(at, g.Total, g.Bad)
		f.share(at+".above", g.Above)
	case GateLatency:
		f.slow(at, g.Histogram, g.Bound, g.Share)
	case GateBaseline:
		f.filled(at+".histogram", g.Histogram)
		f.positive(at+".window", g.Window)
		f.share(at+".effect", g.Effect)
		if effect, err := ParseShare(g.Effect); err == nil && effect <= 0.5 {
			f.problem(at+".effect", "%s is not above 50%%, which is no change", g.Effect)
		}
	case GateAudit:
		f.bad(at, g.Total, g.Bad)
		f.filled(at+".rows", g.Rows)
	default:
		f.among(at+".kind", g.Kind, GateRatio, GateAvailability, GateLatency, GateBaseline, GateAudit)
	}
}
