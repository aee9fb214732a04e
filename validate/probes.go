package validate

import (
	"context"
	"fmt"
	"strconv"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/jackc/pgx/v5"
)

// maxSamples is how many of the rows found are shown.
const maxSamples = 5

// probeChecks makes a check of every probe that makes sense at this version.
func (v *validation) probeChecks() []ops.Check {
	var checks []ops.Check
	for _, p := range v.Release.Probes {
		if int64(p.Since) > v.at() {
			continue
		}
		checks = append(checks, ops.Check{
			ID:    "validate.data." + p.ID,
			Title: p.Title,
			Group: groupData,
			Fatal: p.Fatal(),
			Run:   func(ctx context.Context) ops.Result { return v.probe(ctx, p) },
		})
	}
	return checks
}

func (v *validation) probe(ctx context.Context, p release.Probe) ops.Result {
	var r ops.Result
	err := v.reading(ctx, func(tx pgx.Tx) (err error) {
		if p.Expect.NoRows {
			r, err = rowsResult(ctx, tx, p)
		} else {
			r, err = numberResult(ctx, tx, p)
		}
		return err
	})
	if err != nil {
		return v.premiseOr(ctx, err)
	}
	return r
}

// rowsResult counts the rows a probe finds and shows the first of them.
func rowsResult(ctx context.Context, tx pgx.Tx, p release.Probe) (ops.Result, error) {
	type row struct {
		Total int64
		Text  string
	}
	sql := fmt.Sprintf("SELECT count(*) OVER (), to_jsonb(found)::text FROM (\n%s\n) AS found LIMIT %d", p.SQL, maxSamples)
	rows, err := all[row](ctx, tx, sql)
	if err != nil {
		return ops.Result{}, err
	}
	if len(rows) == 0 {
		return ops.Pass(p.Title), nil
	}
	facts := make([]ops.Fact, 0, len(rows)+1)
	for _, r := range rows {
		facts = append(facts, ops.Fact{Name: "row", Value: r.Text})
	}
	if more := rows[0].Total - int64(len(rows)); more > 0 {
		facts = append(facts, ops.Fact{Name: "and", Value: fmt.Sprintf("%d more", more)})
	}
	return ops.Fail(p.Title+": not so for "+things{"row", "rows"}.counted(int(rows[0].Total)), p.Fix, facts...), nil
}

// numberResult compares the one number a probe yields with its bounds.
func numberResult(ctx context.Context, tx pgx.Tx, p release.Probe) (ops.Result, error) {
	first, _, err := query(ctx, tx, p.SQL)
	if err != nil {
		return ops.Result{}, err
	}
	if len(first) == 0 {
		return ops.Result{}, fmt.Errorf("the probe %s returned no row", p.ID)
	}
	n, err := strconv.ParseInt(first[0], 10, 64)
	if err != nil {
		return ops.Result{}, fmt.Errorf("the probe %s returned %q, which is no number", p.ID, first[0])
	}
	if miss := p.Expect.Misses(n); miss != "" {
		return ops.Fail(p.Title+": not so, "+miss, p.Fix, ops.Fact{Name: "found", Value: first[0]}), nil
	}
	return ops.Pass(fmt.Sprintf("%s (%d)", p.Title, n)), nil
}

// premiseOr skips what could not be asked because the schema is not as promised,
// which the schema's own checks report; anything else is an unanswered question.
func (v *validation) premiseOr(ctx context.Context, err error) ops.Result {
	fault := serverError(err)
	if fault == nil {
		return v.unanswered(err)
	}
	switch fault.Code {
	case codeUndefinedTable, codeUndefinedColumn, codeUndefinedFunction:
		if c, loadErr := v.catalogue(ctx); loadErr == nil && v.broken(c) {
			return ops.Skip("the schema lacks what this looks at: " + fault.Message)
		}
	}
	return v.unanswered(err)
}

// broken reports whether a table or a column of the release is missing.
func (v *validation) broken(c *catalog) bool {
	for _, t := range v.Release.TablesAt(v.at()) {
		if len(v.tableFindings(c, t)) > 0 || len(v.columnFindings(c, t)) > 0 {
			return true
		}
	}
	return false
}
