package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// probe puts one of the release's own questions to the data.
func (i *inspection) probe(ctx context.Context, p release.Probe) ops.Result {
	if reason, below := i.belowFloor(); below {
		return ops.Skip(reason)
	}
	lacking, err := i.missingColumns(ctx)
	if err != nil {
		return unanswered(err)
	}
	if len(lacking) > 0 {
		return ops.Skip("what it looks at may be missing (prereq.tables)")
	}
	facts, number, err := i.ask(ctx, p.SQL)
	if err != nil {
		return ops.Broken(err, "mend what the message names; the question is: "+p.SQL)
	}
	finding := judge(p.Expect, facts, number)
	switch {
	case finding == "":
		return ops.Pass(p.Title)
	case p.Fatal():
		return ops.Fail(finding, p.Fix, limited(facts)...)
	}
	return ops.Warn(finding, p.Fix, limited(facts)...)
}

// judge says what is wrong with an answer, "" when nothing is.
func judge(e release.Expectation, rows []ops.Fact, number *int64) string {
	switch {
	case e.NoRows && len(rows) > 0:
		return count(len(rows), "row was", "rows were") + " found, and none should be"
	case e.NoRows:
		return ""
	case number == nil:
		return "the question was not answered by one number"
	}
	return e.Misses(*number)
}

// maxRows bounds what is fetched of an answer: it is only evidence.
const maxRows = 1000

// ask runs a query where nothing can be written. number is the answer where it
// is one number; the facts are the rows.
func (i *inspection) ask(ctx context.Context, query string) (facts []ops.Fact, number *int64, err error) {
	tx, err := i.Conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if back := tx.Rollback(context.WithoutCancel(ctx)); back != nil && !errors.Is(back, pgx.ErrTxClosed) {
			err = errors.Join(err, back)
		}
	}()
	// The release's tables come first, whatever the role's search_path is.
	if _, err := tx.Exec(ctx, `
		SELECT pg_catalog.set_config('search_path', $1::text || ', ' || pg_catalog.current_setting('search_path'), true)`,
		quote(i.schema())); err != nil {
		return nil, nil, err
	}
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() && len(facts) < maxRows {
		values, err := rows.Values()
		if err != nil {
			return nil, nil, err
		}
		if len(values) == 1 && len(facts) == 0 {
			number = wholeNumber(values[0])
		}
		facts = append(facts, rowFact(rows, values))
	}
	rows.Close()
	return facts, number, rows.Err()
}

func wholeNumber(v any) *int64 {
	var n int64
	switch v := v.(type) {
	case int64:
		n = v
	case int32:
		n = int64(v)
	case int16:
		n = int64(v)
	default:
		return nil
	}
	return &n
}

// rowFact names the row by its first column and lists the others.
func rowFact(rows pgx.Rows, values []any) ops.Fact {
	var f ops.Fact
	for c, v := range values {
		text := fmt.Sprintf("%s %v", rows.FieldDescriptions()[c].Name, v)
		if id, ok := v.([16]byte); ok {
			text = fmt.Sprintf("%s %x-%x-%x-%x-%x", rows.FieldDescriptions()[c].Name, id[:4], id[4:6], id[6:8], id[8:10], id[10:])
		}
		switch {
		case c == 0:
			f.Name = text
		case f.Value == "":
			f.Value = text
		default:
			f.Value += "  " + text
		}
	}
	return f
}
