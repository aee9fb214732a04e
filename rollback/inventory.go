package rollback

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/migrate"
)

// inventory is what a transaction sees of all tables with rows in them, by OID.
type inventory map[uint32]*stock

// stock is one table of an inventory.
type stock struct {
	Relation
	// node changes when the table is emptied or written anew.
	node  uint32
	empty bool
	// taken is how many rows this transaction has deleted or changed.
	taken int64
	// columns are those with values of their own, by number.
	columns map[int16]string
}

// The counters are those of the running transaction, and on servers before 15 also of
// transactions just before it: what counts is by how much they grow.
const inventorySQL = `
SELECT n.nspname::text, c.relname::text, c.oid, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0), coalesce(pg_catalog.pg_relation_size(c.oid), 0) = 0,
       pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid),
       array(SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum),
       array(SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> ALL (ARRAY['information_schema', 'clipperops']) AND c.relname <> $1`

func takeInventory(ctx context.Context, conn *pgx.Conn) (inventory, error) {
	rows, err := conn.Query(ctx, inventorySQL, migrate.VersionTable)
	if err != nil {
		return nil, fmt.Errorf("taking stock of the tables: %w", err)
	}
	all := inventory{}
	for rows.Next() {
		s := &stock{columns: map[int16]string{}}
		var numbers []int16
		var names []string
		if err := rows.Scan(&s.Schema, &s.Name, &s.OID, &s.node, &s.empty, &s.taken, &numbers, &names); err != nil {
			rows.Close()
			return nil, fmt.Errorf("taking stock of the tables: %w", err)
		}
		for i, n := range numbers {
			s.columns[n] = names[i]
		}
		all[s.OID] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("taking stock of the tables: %w", err)
	}
	return all, nil
}

// lossFound is something that a file has taken away, as the server tells it.
type lossFound struct {
	table Relation
	what  string
	// column is the number of a column that is gone from a table that is still there.
	column int16
	// rewritten says that the table has new storage, and nothing worse is known.
	rewritten bool
}

// lostSince lists what was there before and is not any more.
func (before inventory) lostSince(after inventory) []lossFound {
	var losses []lossFound
	for _, oid := range slices.Sorted(maps.Keys(before)) {
		was, is := before[oid], after[oid]
		if is == nil {
			losses = append(losses, lossFound{table: was.Relation, what: "table " + was.String() + " is gone"})
			continue
		}
		for _, n := range slices.Sorted(maps.Keys(was.columns)) {
			if _, there := is.columns[n]; !there {
				losses = append(losses, lossFound{table: was.Relation, column: n, what: "column " + was.String() + "." + was.columns[n] + " is gone"})
			}
		}
		switch taken := is.taken - was.taken; {
		case taken > 0:
			losses = append(losses, lossFound{table: was.Relation, what: counted(taken, "row") + " of table " + was.String() + " were deleted or changed"})
		case is.empty && !was.empty:
			losses = append(losses, lossFound{table: was.Relation, what: "table " + was.String() + " was emptied"})
		case is.node != was.node:
			losses = append(losses, lossFound{table: was.Relation, what: "table " + was.String() + " was written anew", rewritten: true})
		}
	}
	return losses
}

// madeSince lists the tables and columns that were not there before.
func (before inventory) madeSince(after inventory) []columnOf {
	var made []columnOf
	for oid, is := range after {
		was := before[oid]
		if was == nil {
			made = append(made, columnOf{oid, 0})
			continue
		}
		for n := range is.columns {
			if _, there := was.columns[n]; !there {
				made = append(made, columnOf{oid, n})
			}
		}
	}
	return made
}
