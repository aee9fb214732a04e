package release

import "fmt"

// Series is a PromQL selector with a name.
type Series struct {
	Name string `yaml:"name"`
	Is   string `yaml:"is"`
}

// use is a place in a rollout that says which series are counted: by a name under
// series, or by a selector of its own.
type use struct {
	path      string
	says      *string
	histogram bool // whose buckets are counted; else counters are
}

// uses are all of them, those that say nothing too.
func (r *Rollout) uses() []use {
	var all []use
	counter := func(says *string, path string, at ...any) {
		all = append(all, use{fmt.Sprintf("rollout."+path, at...), says, false})
	}
	histogram := func(says *string, path string, at ...any) {
		all = append(all, use{fmt.Sprintf("rollout."+path, at...), says, true})
	}
	for i := range r.Gates {
		g := &r.Gates[i]
		counter(&g.Total, "gates[%d].total", i)
		counter(&g.Bad, "gates[%d].bad", i)
		counter(&g.Rows, "gates[%d].rows", i)
		histogram(&g.Histogram, "gates[%d].histogram", i)
		for j := range g.Budgets {
			counter(&g.Budgets[j].Bad, "gates[%d].budgets[%d].bad", i, j)
		}
	}
	for i := range r.Rollback {
		counter(&r.Rollback[i].Total, "rollback[%d].total", i)
		counter(&r.Rollback[i].Bad, "rollback[%d].bad", i)
	}
	counter(&r.Surveillance.Total, "surveillance.total")
	counter(&r.Surveillance.Bad, "surveillance.bad")
	for i := range r.Alerts {
		a := &r.Alerts[i]
		counter(&a.Total, "alerts[%d].total", i)
		counter(&a.Bad, "alerts[%d].bad", i)
		histogram(&a.Histogram, "alerts[%d].histogram", i)
	}
	return all
}

// settle puts the selectors in the place of their names.
func (r *Rollout) settle() {
	is := map[string]string{}
	for _, s := range r.Series {
		if s.Name != "" {
			is[s.Name] = s.Is
		}
	}
	for _, u := range r.uses() {
		if selector, named := is[*u.says]; named {
			*u.says = selector
		}
	}
}
