package preflight

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// enough is where counting rows of an old table ends: more says no more.
const enough = 100_000

// legacy looks for rows of an older feature that the release does not carry over.
func (i *inspection) legacy(ctx context.Context, l release.Legacy) ops.Result {
	var there bool
	err := i.Conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		                WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))`,
		i.schema(), l.Table).Scan(&there)
	if err != nil {
		return unanswered(err)
	}
	if !there {
		return ops.Pass("there is no table " + l.Table)
	}
	var rows int64
	err = i.Conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d) AS seen`,
		quote(i.schema(), l.Table), enough)).Scan(&rows)
	if err != nil {
		return unanswered(err)
	}
	number := fmt.Sprint(rows)
	switch rows {
	case 0:
		return ops.Pass("table " + l.Table + " has no rows")
	case enough:
		number += " or more"
	}
	return ops.Warn(count(rows, "row", "rows")+" in table "+l.Table, l.Fix, ops.Fact{Name: "table " + l.Table, Value: number + " rows"})
}
