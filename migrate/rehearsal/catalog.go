package rehearsal

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// entry is a relation as the catalogs have it.
type entry struct {
	Relation
	// node is pg_class.relfilenode: where its storage is.
	node uint32
	// table is the relation an index is on, 0 of anything else.
	table uint32
	// bytes is the size of a table without its indexes, or of an index.
	bytes int64
	// rows is how many there are, as far as that was counted.
	rows int64
}

func (e entry) holdsRows() bool { return e.Kind == "table" || e.Kind == "materialized view" }

func (e entry) isIndex() bool { return e.Kind == "index" }

// ours is what no file is about: the version table and the ledger.
func (e entry) ours(version versionTable) bool {
	return e.Schema == "clipperops" || e.Schema == version.schema && (e.Name == migrate.VersionTable || e.Name == migrate.VersionTable+"_pkey")
}

// catalog is every relation of the clone by OID, but for the server's own, temporary
// ones and TOAST tables.
type catalog map[uint32]entry

var kinds = map[string]string{
	"r": "table", "p": "partitioned table", "i": "index", "I": "index", "m": "materialized view",
	"v": "view", "S": "sequence", "f": "foreign table",
}

// The columns of every query here, all of them text: what the row is, and of what
// relation; its schema, name and kind; numbers.
const (
	columnWhat = iota
	columnOID
	columnSchema
	columnName
	columnKind
	columnNumbers
)

// firstUserOID is the first OID the server gives to what users make (FirstNormalObjectId).
const firstUserOID = "16384"

const walSQL = `
SELECT 'wal', 0::bigint, NULL::text, NULL::text, NULL::text,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint, 0::bigint, 0::bigint, 0::bigint`

// The size is 0 for what is gone meanwhile.
const catalogSQL = `
SELECT 'class', c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
       c.relfilenode::bigint, coalesce(i.indrelid, 0)::bigint, coalesce(pg_catalog.pg_table_size(c.oid), 0), 0::bigint
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
 WHERE c.oid >= ` + firstUserOID + ` UNION ALL ` + walSQL

// readCatalog reads all of it, and how much write-ahead log there is.
func readCatalog(ctx context.Context, conn *pgx.Conn) (catalog, int64, error) {
	results, err := conn.PgConn().Exec(ctx, catalogSQL).ReadAll()
	if err != nil {
		return nil, 0, err
	}
	all, wal := catalog{}, int64(0)
	for _, row := range results[0].Rows {
		if string(row[columnWhat]) == "wal" {
			wal = number(row, 0)
			continue
		}
		if e, ok := entryOf(row, number(row, 0), number(row, 1)); ok {
			e.bytes = number(row, 2)
			all[e.OID] = e
		}
	}
	return all, wal, nil
}

// entryOf is the relation of a row; false when it is none that counts.
func entryOf(row [][]byte, node, table int64) (entry, bool) {
	schema, kind := string(row[columnSchema]), kinds[string(row[columnKind])]
	return entry{
		Relation: Relation{OID: uint32(integer(row[columnOID])), Schema: schema, Name: string(row[columnName]), Kind: kind},
		node:     uint32(node), table: uint32(table),
	}, kind != "" && !strings.HasPrefix(schema, "pg_")
}

func number(row [][]byte, i int) int64 { return integer(row[columnNumbers+i]) }

// integer reads what the server wrote as a bigint.
func integer(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n
}

func (c catalog) clone() catalog { return maps.Clone(c) }

// relation is the relation as a result names it. base is what there was before the pass.
func (c catalog) relation(oid uint32, base catalog) Relation {
	r := c[oid].Relation
	_, before := base[oid]
	r.New = !before
	return r
}
