package rollback

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

const describeSQL = `
SELECT array(SELECT attname::text FROM pg_catalog.pg_attribute
             WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum),
       array(SELECT attnum FROM pg_catalog.pg_attribute
             WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum),
       array(SELECT a.attname::text FROM pg_catalog.pg_index i
             CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, at)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE i.indrelid = $1 AND i.indisprimary AND k.at <= i.indnkeyatts ORDER BY k.at),
       n.nspname::text, p.relname::text, p.oid
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
WHERE c.oid = $1`

// describe asks what has to be known of a table in order to save it and to put it back.
func describe(ctx context.Context, conn *pgx.Conn, d doomedTable) (SavedTable, error) {
	t := SavedTable{Relation: d.Relation, Loss: d.loss}
	if d.loss == LossColumns {
		t.ColumnsDropped = d.columns
	}
	var schema, name *string
	var oid *uint32
	err := conn.QueryRow(ctx, describeSQL, d.OID).Scan(&t.Columns, &t.Numbers, &t.PrimaryKey, &schema, &name, &oid)
	if err != nil {
		return t, fmt.Errorf("looking at %s: %w", d.Relation, err)
	}
	if oid != nil {
		t.PartitionOf = &Relation{Schema: *schema, Name: *name, OID: *oid}
	}
	return t, nil
}

// inRestoreOrder sorts tables so that those a foreign key points at come first. In a circle
// the order is that of the list.
func inRestoreOrder(ctx context.Context, conn *pgx.Conn, tables []doomedTable) ([]doomedTable, error) {
	oids := make([]uint32, len(tables))
	for i, t := range tables {
		oids[i] = t.OID
	}
	rows, err := conn.Query(ctx, `SELECT conrelid, confrelid FROM pg_catalog.pg_constraint
		WHERE contype = 'f' AND conrelid <> confrelid AND conrelid = ANY ($1) AND confrelid = ANY ($1)`, oids)
	if err != nil {
		return nil, err
	}
	pointsAt := map[uint32][]uint32{}
	var from, to uint32
	if _, err := pgx.ForEachRow(rows, []any{&from, &to}, func() error {
		pointsAt[from] = append(pointsAt[from], to)
		return nil
	}); err != nil {
		return nil, err
	}
	var ordered []doomedTable
	entered := map[uint32]bool{}
	var place func(doomedTable)
	place = func(t doomedTable) {
		if entered[t.OID] {
			return
		}
		entered[t.OID] = true
		for _, other := range tables {
			if slices.Contains(pointsAt[t.OID], other.OID) {
				place(other)
			}
		}
		ordered = append(ordered, t)
	}
	for _, t := range tables {
		place(t)
	}
	return ordered, nil
}

const sequencesSQL = `
SELECT n.nspname::text, c.relname::text, c.oid, tn.nspname::text, t.relname::text, t.oid
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
    AND d.refclassid = d.classid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> ALL (ARRAY['information_schema', 'clipperops'])
ORDER BY n.nspname, c.relname`

// readSequences tells where the sequences stand that go with the tables, or that the
// files drop.
func readSequences(ctx context.Context, conn *pgx.Conn, doomed []doomedTable, files []migrate.File) ([]SavedSequence, error) {
	rows, err := conn.Query(ctx, sequencesSQL)
	if err != nil {
		return nil, err
	}
	kept := []SavedSequence{}
	var s SavedSequence
	var schema, table *string
	var oid *uint32
	if _, err := pgx.ForEachRow(rows, []any{&s.Schema, &s.Name, &s.OID, &schema, &table, &oid}, func() error {
		s.OwnedBy = Relation{}
		if oid != nil {
			s.OwnedBy = Relation{Schema: *schema, Name: *table, OID: *oid}
		}
		if s.goesWith(doomed) || dealtWith(files, s.Name) {
			kept = append(kept, s)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range kept {
		err := conn.QueryRow(ctx, "SELECT last_value, is_called FROM "+kept[i].quoted()).Scan(&kept[i].LastValue, &kept[i].IsCalled)
		if err != nil {
			return nil, fmt.Errorf("looking at %s: %w", kept[i].Relation, err)
		}
	}
	return kept, nil
}

// goesWith reports whether the sequence numbers a table that is dropped.
func (s SavedSequence) goesWith(doomed []doomedTable) bool {
	return slices.ContainsFunc(doomed, func(d doomedTable) bool { return d.OID == s.OwnedBy.OID && d.loss == LossTable })
}

// ddlOf is what a table looks like, for a person to read. Parts the server writes as
// statements are statements.
func ddlOf(s *pg.Snapshot, r Relation) string {
	var columns, after []string
	for _, table := range s.Objects {
		if table.Kind != pg.KindTable || !sameName(table.Name, r.Schema, r.Name) {
			continue
		}
		for _, o := range s.Parts(table.Key) {
			bare := strings.TrimPrefix(o.Name, table.Name+".")
			switch o.Kind {
			case pg.KindColumn:
				columns = append(columns, "    "+bare+" "+o.Definition)
			case pg.KindConstraint:
				columns = append(columns, "    CONSTRAINT "+bare+" "+o.Definition)
			case pg.KindIndex, pg.KindTrigger, pg.KindRule, pg.KindStatistics:
				after = append(after, strings.TrimSuffix(o.Definition, ";")+";")
			default:
				after = append(after, "-- "+o.Key.String()+": "+strings.ReplaceAll(o.Definition, "\n", " "))
			}
		}
		if table.Definition != "" {
			after = append(after, "-- "+table.Definition)
		}
		return "CREATE TABLE " + table.Name + " (\n" + strings.Join(columns, ",\n") + "\n);\n" + strings.Join(append(after, ""), "\n")
	}
	return ""
}
