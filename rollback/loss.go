package rollback

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// Loss is what the down files of a plan take away: read from the files, counted in the
// database.
type Loss struct {
	// Tables are dropped, in the order of the files.
	Tables []TableLoss `json:"tables"`
	// Columns are dropped from tables that stay.
	Columns []ColumnLoss `json:"columns"`
	// Altered are tables that stay and whose definition or rows change.
	Altered []AlteredTable `json:"altered"`
	// Dependents are objects outside the files that hang on what is dropped: CASCADE takes
	// them along, and without it the server refuses the file.
	Dependents []Dependent `json:"dependents"`
	// Opaque are statements whose effect cannot be told beforehand.
	Opaque []string `json:"opaque"`
}

// TableLoss is a table that would be dropped.
type TableLoss struct {
	Relation
	Rows int64 `json:"rows"`
	// Bytes is what the table takes on disk with its indexes.
	Bytes int64 `json:"bytes"`
}

// ColumnLoss is a column that would be dropped.
type ColumnLoss struct {
	Table  Relation `json:"table"`
	Column string   `json:"column"`
	// NonNull is how many rows have a value there.
	NonNull int64 `json:"non_null"`
}

// AlteredTable is a table that stays, changed.
type AlteredTable struct {
	Relation
	Bytes int64 `json:"bytes"`
	// Written says that rows are changed or deleted, not only the definition.
	Written bool `json:"written"`
}

// Rows is how many rows the dropped tables hold.
func (l Loss) Rows() int64 {
	var n int64
	for _, t := range l.Tables {
		n += t.Rows
	}
	return n
}

// Nothing reports whether neither rows nor values would be lost.
func (l Loss) Nothing() bool {
	for _, c := range l.Columns {
		if c.NonNull > 0 {
			return false
		}
	}
	return l.Rows() == 0
}

// PlanLoss counts what the plan's files would take away, in one snapshot. It changes
// nothing and blocks nobody who reads or writes.
func PlanLoss(ctx context.Context, conn *pgx.Conn, p *migrate.Plan) (Loss, error) {
	l := Loss{Tables: []TableLoss{}, Columns: []ColumnLoss{}, Altered: []AlteredTable{}, Dependents: []Dependent{}, Opaque: []string{}}
	err := readOnly(ctx, conn, func() error {
		doomed, err := findDoomed(ctx, conn, p.Files, nil)
		if err != nil {
			return err
		}
		for _, d := range doomed {
			if err := l.add(ctx, conn, d); err != nil {
				return err
			}
		}
		for _, o := range p.Touches().Opaque {
			l.Opaque = append(l.Opaque, o.String())
		}
		dependents, err := findDependents(ctx, conn, doomed, p.Files)
		l.Dependents = append(l.Dependents, dependents...)
		return err
	})
	if err != nil {
		return Loss{}, fmt.Errorf("counting what would be lost: %w", pg.Cause(ctx, err))
	}
	return l, nil
}

func (l *Loss) add(ctx context.Context, conn *pgx.Conn, d doomedTable) error {
	if d.loss == LossTable {
		t := TableLoss{Relation: d.Relation, Bytes: d.bytes}
		l.Tables = append(l.Tables, t)
		return conn.QueryRow(ctx, "SELECT count(*) FROM ONLY "+d.quoted()).Scan(&l.Tables[len(l.Tables)-1].Rows)
	}
	if d.loss != LossColumns || d.written {
		l.Altered = append(l.Altered, AlteredTable{Relation: d.Relation, Bytes: d.bytes, Written: d.written})
	}
	for _, c := range d.columns {
		loss := ColumnLoss{Table: d.Relation, Column: c}
		err := conn.QueryRow(ctx, "SELECT count("+pgx.Identifier{c}.Sanitize()+") FROM ONLY "+d.quoted()).Scan(&loss.NonNull)
		if err != nil {
			return err
		}
		l.Columns = append(l.Columns, loss)
	}
	return nil
}

// readOnly runs body in a transaction that sees one state of the database, changes
// nothing, and fails rather than count without the rows that row security hides.
func readOnly(ctx context.Context, conn *pgx.Conn, body func() error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		_ = tx.Rollback(clean) // it changed nothing
	}()
	if _, err := tx.Exec(ctx, "SET LOCAL row_security = off"); err != nil {
		return err
	}
	return body()
}
