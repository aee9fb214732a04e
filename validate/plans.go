package validate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/jackc/pgx/v5"
)

// planChecks makes a check of every plan that makes sense at this version.
func (v *validation) planChecks() []ops.Check {
	var checks []ops.Check
	for _, p := range v.Release.Plans {
		if int64(p.Since) > v.at() {
			continue
		}
		checks = append(checks, ops.Check{
			ID:    "validate.plans." + p.ID,
			Title: p.Title,
			Group: groupPerformance,
			Fatal: true,
			Run:   func(ctx context.Context) ops.Result { return v.plan(ctx, p) },
		})
	}
	return checks
}

// plan asks the server how it would run the query. On a table of a few rows it
// rightly reads everything, whatever indexes there are; so the nodes that would
// hide the index are switched off, in this transaction alone, and the result
// says which.
func (v *validation) plan(ctx context.Context, p release.Plan) ops.Result {
	c, err := v.catalogue(ctx)
	if err != nil {
		return v.unanswered(err)
	}
	if where, valid := c.index(p.Index); !valid {
		if where == "" {
			return ops.Skip("there is no index " + p.Index + ": see the check of its table's indexes")
		}
		return ops.Skip("the index " + p.Index + " is invalid: see validate.indexes_valid")
	}
	settings := make([]string, len(p.Without))
	for i, node := range p.Without {
		settings[i] = "SET LOCAL enable_" + node + " = off"
	}
	var used []planNode
	err = v.reading(ctx, func(tx pgx.Tx) error {
		first, _, err := query(ctx, tx, "EXPLAIN (FORMAT JSON) "+p.SQL)
		if err != nil {
			return err
		}
		used, err = readPlan(strings.Join(first, ""))
		return err
	}, settings...)
	if err != nil {
		return v.premiseOr(ctx, err)
	}
	how := ops.Fact{Name: "plan", Value: planText(used)}
	off := ops.Fact{Name: "planned with", Value: strings.Join(p.Without, " and ") + " off, as a small table would be read whole"}
	for _, n := range used {
		if n.Index == p.Index {
			return ops.Pass(fmt.Sprintf("%s (planned with %s off)", p.Title, strings.Join(p.Without, " and ")), how, off)
		}
	}
	return ops.Fail("the planner does not take "+p.Index, "ANALYZE; then: "+v.command("validate"),
		how, off, ops.Fact{Name: "query", Value: p.SQL})
}

// index finds the table of an index and whether it can be used.
func (c *catalog) index(name string) (table string, valid bool) {
	for t, r := range c.tables {
		if i, exists := r.indexes[name]; exists {
			return t, i.Valid
		}
	}
	return "", false
}

// planNode is one node of a plan, as EXPLAIN (FORMAT JSON) prints it.
type planNode struct {
	Type     string     `json:"Node Type"`
	Index    string     `json:"Index Name"`
	Relation string     `json:"Relation Name"`
	Plans    []planNode `json:"Plans"`
}

// readPlan lists the nodes of a plan, the outermost first.
func readPlan(text string) ([]planNode, error) {
	var explained []struct {
		Plan planNode `json:"Plan"`
	}
	if err := json.Unmarshal([]byte(text), &explained); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	var nodes []planNode
	var walk func(planNode)
	walk = func(n planNode) {
		nodes = append(nodes, n)
		for _, below := range n.Plans {
			walk(below)
		}
	}
	for _, e := range explained {
		walk(e.Plan)
	}
	return nodes, nil
}

func planText(nodes []planNode) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = n.Type
		switch {
		case n.Index != "":
			parts[i] += " using " + n.Index
		case n.Relation != "":
			parts[i] += " on " + n.Relation
		}
	}
	return strings.Join(parts, " → ")
}
