package rollback

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// Restore puts back what the archive holds, once the migrations have made the tables again:
// the rows of dropped tables, late ones included, into the tables of the same name, which
// have to be empty; the values of dropped columns into the rows of the same primary key;
// and sequences to where they stood. It does so in one transaction, as the tables' owner:
// with triggers switched off, in an order in which foreign keys hold, so that every row is
// what it was. The error is a *ops.Failure; nothing has changed then.
func Restore(ctx context.Context, conn *pgx.Conn, s *Saved) (*Restored, error) {
	r := &restorer{conn: conn, saved: s, restored: &Restored{}}
	err := pgx.BeginFunc(ctx, conn, func(pgx.Tx) error { return r.run(ctx) })
	if err != nil {
		return nil, restoreFailure(pg.Cause(ctx, err))
	}
	return r.restored, nil
}

func restoreFailure(err error) error {
	f := &ops.Failure{
		Code: ops.CodeOf(err), What: "the rows could not be put back", Detail: strings.Split(err.Error(), "\n"),
		State: []string{"nothing was put back; the archive is as it was"}, Err: err,
	}
	var given *ops.Failure
	if errors.As(err, &given) {
		f.What, f.Detail, f.Next = f.What+": "+given.Error(), given.Detail, given.Next
	}
	return f
}

type restorer struct {
	conn     *pgx.Conn
	saved    *Saved
	restored *Restored
}

// layers are what an archive and those of late rows hold of one table, in time.
type layers struct {
	SavedTable
	into  Relation
	parts []layer
}

type layer struct {
	archive ArchiveRef
	table   SavedTable
}

func (r *restorer) run(ctx context.Context) error {
	if err := script(ctx, r.conn, copySettings); err != nil {
		return err
	}
	var rows, columns []layers
	for _, t := range r.saved.Manifest.Tables {
		t, err := r.asItStands(ctx, t)
		if err != nil {
			return err
		}
		l, err := r.layersOf(ctx, t)
		if err != nil {
			return err
		}
		switch t.Loss {
		case LossTable:
			rows = append(rows, l)
		case LossColumns:
			columns = append(columns, l)
		case LossRows:
			r.restored.Left = append(r.restored.Left, t.Relation)
		case lossNothing:
			r.restored.Standing = append(r.restored.Standing, t.Relation)
		}
	}
	if err := r.mayFill(ctx, rows); err != nil {
		return err
	}
	quiet, err := r.silence(ctx, slices.Concat(rows, columns))
	if err != nil {
		return err
	}
	for _, l := range rows {
		if err := r.fill(ctx, l); err != nil {
			return fmt.Errorf("putting back %s: %w", l.Relation, err)
		}
	}
	for _, l := range columns {
		if err := r.fillColumns(ctx, l); err != nil {
			return fmt.Errorf("putting back columns of %s: %w", l.Relation, err)
		}
	}
	if err := r.sequences(ctx); err != nil {
		return err
	}
	return quiet.undo(ctx, r.conn)
}

// lossNothing is a table that was to lose something, and did not.
const lossNothing LossKind = "nothing"

// asItStands says what a table has really lost. A table that is still the very one that was
// archived was not dropped, or its file was undone; then what it lacks are columns.
func (r *restorer) asItStands(ctx context.Context, t SavedTable) (SavedTable, error) {
	if t.Loss != LossTable && t.Loss != LossColumns {
		return t, nil
	}
	rows, err := r.conn.Query(ctx, `SELECT attnum FROM pg_catalog.pg_attribute
		WHERE attrelid = $2 AND to_regclass($1)::oid = $2 AND attnum > 0 AND NOT attisdropped`, t.quoted(), t.OID)
	if err != nil {
		return t, err
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[int16])
	if err != nil || len(there) == 0 {
		return t, err
	}
	t.Loss, t.ColumnsDropped = lossNothing, nil
	for i, c := range t.Columns {
		if !slices.Contains(there, t.Numbers[i]) {
			t.Loss, t.ColumnsDropped = LossColumns, append(t.ColumnsDropped, c)
		}
	}
	return t, nil
}

// layersOf gathers what is saved of a table, and where it goes.
func (r *restorer) layersOf(ctx context.Context, t SavedTable) (layers, error) {
	l := layers{SavedTable: t, into: t.Relation, parts: []layer{{r.saved.ArchiveRef, t}}}
	for _, late := range r.saved.Late {
		if part, ok := late.Manifest.Table(t.OID); ok {
			l.parts = append(l.parts, layer{late, part})
		}
	}
	if t.Loss != LossTable {
		return l, nil
	}
	here, err := r.there(ctx, t.Relation)
	if err == nil && !here && t.PartitionOf != nil {
		l.into = *t.PartitionOf
		here, err = r.there(ctx, l.into)
	}
	if err == nil && !here {
		err = &ops.Failure{Code: ops.ExitRefused, What: fmt.Sprintf("table %s is not there", t.Relation), Next: []string{"migrate up first: clipperops migrate"}}
	}
	return l, err
}

func (r *restorer) there(ctx context.Context, t Relation) (there bool, err error) {
	err = r.conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", t.quoted()).Scan(&there)
	return there, err
}

// mayFill refuses tables that hold rows: they may be newer than the archive.
func (r *restorer) mayFill(ctx context.Context, tables []layers) error {
	var filled []string
	for _, l := range tables {
		var n int64
		if err := r.conn.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+l.into.quoted()+" LIMIT 1000) AS t").Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			filled = append(filled, fmt.Sprintf("%s has %s", l.into, counted(n, "row")))
		}
	}
	if len(filled) == 0 {
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitRefused, What: "there are rows already", Detail: filled,
		Next: []string{"look at them; when they are not needed: DELETE FROM … in an order in which foreign keys allow it, then again"},
	}
}

// fill puts back the rows of a table that was dropped.
func (r *restorer) fill(ctx context.Context, l layers) error {
	if len(l.parts) == 1 {
		n, err := r.copyIn(ctx, l.parts[0], l.into.quoted())
		r.restored.Tables = append(r.restored.Tables, RestoredTable{l.into, n})
		return err
	}
	merged, err := r.merge(ctx, l)
	if err != nil {
		return err
	}
	// One statement: foreign keys of a table to itself are checked at its end.
	columns := columnList(l.Columns)
	tag, err := r.conn.Exec(ctx, "INSERT INTO "+l.into.quoted()+" ("+columns+") OVERRIDING SYSTEM VALUE SELECT "+columns+" FROM "+merged)
	r.restored.Tables = append(r.restored.Tables, RestoredTable{l.into, tag.RowsAffected()})
	return err
}

// fillColumns puts back the values of columns that were dropped, by primary key.
func (r *restorer) fillColumns(ctx context.Context, l layers) error {
	if len(l.PrimaryKey) == 0 {
		return &ops.Failure{
			Code: ops.ExitRefused, What: fmt.Sprintf("table %s has no primary key to find its rows by", l.Relation),
			Detail: []string{"its values are in " + l.Entry + " of the archive"},
		}
	}
	merged, err := r.merge(ctx, l)
	if err != nil {
		return err
	}
	var set, differs []string
	for _, c := range l.ColumnsDropped {
		name := pgx.Identifier{c}.Sanitize()
		set = append(set, name+" = s."+name)
		differs = append(differs, "t."+name+"::text IS DISTINCT FROM s."+name+"::text")
	}
	tag, err := r.conn.Exec(ctx, "UPDATE "+l.quoted()+" AS t SET "+strings.Join(set, ", ")+" FROM "+merged+" AS s WHERE "+
		sameKey("t", "s", l.PrimaryKey)+" AND ("+strings.Join(differs, " OR ")+")")
	if err != nil {
		return err
	}
	r.restored.Columns = append(r.restored.Columns, RestoredColumns{l.Relation, l.ColumnsDropped, tag.RowsAffected()})
	return nil
}

func sameKey(a, b string, key []string) string {
	var same []string
	for _, c := range key {
		name := pgx.Identifier{c}.Sanitize()
		same = append(same, a+"."+name+" = "+b+"."+name)
	}
	return strings.Join(same, " AND ")
}

// copyIn sends the entry of a layer to a table.
func (r *restorer) copyIn(ctx context.Context, from layer, into string) (int64, error) {
	var n int64
	err := from.archive.open(func(z *zip.Reader) error {
		in, err := z.Open(from.table.Entry)
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // only read
		sql := "COPY " + into + " (" + columnList(from.table.Columns) + ") FROM STDIN (FORMAT text, ENCODING 'UTF8')"
		// A checksum that is wrong is seen at the end of the entry, and fails the COPY.
		tag, err := r.conn.PgConn().CopyFrom(ctx, io.Reader(in), sql)
		n = tag.RowsAffected()
		return err
	})
	if err == nil && n != from.table.Rows {
		err = fmt.Errorf("%d rows of %d came in: %w", n, from.table.Rows, ErrDamaged)
	}
	return n, err
}
