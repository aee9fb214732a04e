package rehearsal

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sample is what the server says of a file's transaction at one moment.
type sample struct {
	// held are the relations it has locked.
	held []held
	// changed are the relations whose pg_class row it made or changed.
	changed []entry
	// shared is what it changed outside the database.
	shared []string
	// wal is how much write-ahead log there is.
	wal int64
}

// held is a relation the transaction has locked.
type held struct {
	oid  uint32
	mode LockMode
	// gone says that it was dropped.
	gone bool
	// bytes is its size, -1 where that cannot have changed. Asking for it opens what is
	// measured, which the transaction has locked more strongly already, and its TOAST table,
	// which counts as a part of it.
	bytes  int64
	counts counts
}

// counts are the rows that a session wrote in a relation and how often it read it
// through, since the server last added them up.
type counts struct{ inserted, updated, deleted, scans int64 }

// since is what was counted since before. TRUNCATE forgets what its transaction wrote.
func (c counts) since(before counts) counts {
	return counts{
		max(c.inserted-before.inserted, 0), max(c.updated-before.updated, 0),
		max(c.deleted-before.deleted, 0), max(c.scans-before.scans, 0),
	}
}

// sampleSQL is every relation that the transaction has locked, and that is at least what it
// changed: nothing is done to a relation without a lock that stays. Modes are numbered as
// LockMode does. Rows of pg_class that this transaction wrote have an age of zero, or less
// when a subtransaction did.
const sampleSQL = `
WITH locks AS MATERIALIZED (
    SELECT k.relation AS oid, k.database, k.mode
      FROM pg_catalog.pg_locks k
     WHERE k.pid = pg_catalog.pg_backend_pid() AND k.locktype = 'relation' AND k.granted
), held AS (
    SELECT l.oid, max(pg_catalog.array_position(ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
               'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], l.mode)) AS mode
      FROM locks l WHERE l.database <> 0 AND l.oid >= ` + firstUserOID + ` GROUP BY l.oid
)
SELECT 'held', h.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
       h.mode, CASE WHEN c.oid IS NULL THEN 2 WHEN pg_catalog.age(c.xmin) <= 0 THEN 1 ELSE 0 END,
       c.relfilenode::bigint, coalesce(i.indrelid, 0)::bigint, CASE WHEN h.mode >= 3 THEN coalesce(pg_catalog.pg_table_size(h.oid), 0) ELSE -1 END::bigint,
       pg_catalog.pg_stat_get_xact_tuples_inserted(h.oid), pg_catalog.pg_stat_get_xact_tuples_updated(h.oid),
       pg_catalog.pg_stat_get_xact_tuples_deleted(h.oid), pg_catalog.pg_stat_get_xact_numscans(h.oid)
  FROM held h
  LEFT JOIN pg_catalog.pg_class c ON c.oid = h.oid
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = h.oid
 UNION ALL
SELECT 'shared', l.oid::bigint, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM locks l WHERE l.database = 0 AND l.mode = ANY ('{RowExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}')
 UNION ALL
SELECT 'shared', ` + databasesOID + `, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM pg_catalog.pg_database d
 WHERE d.datname <> pg_catalog.current_database() AND d.xmin::text = (pg_catalog.txid_current_if_assigned() % 4294967296)::text
 UNION ALL
SELECT 'wal', 0, NULL, NULL, NULL, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint, 0, 0, 0, 0, 0, 0, 0, 0`

// The names under which the queries are prepared.
const (
	beginName  = "clipperops_begin"
	sampleName = "clipperops_sample"
)

// sampler asks for samples on the connection that runs the file.
type sampler struct {
	// prepared is the connection that has the queries.
	prepared *pgx.Conn
}

// take asks once, behind begin. A file that throws prepared statements away has the query planned
// each time.
func (s *sampler) take(ctx context.Context, conn *pgx.Conn, forgets bool) (sample, error) {
	if forgets {
		r := conn.PgConn().ExecParams(ctx, sampleSQL, nil, nil, nil, nil).Read()
		return sampleOf(r.Rows), r.Err
	}
	r := conn.PgConn().ExecPrepared(ctx, sampleName, nil, nil, nil).Read()
	return sampleOf(r.Rows), r.Err
}

func (s *sampler) prepare(ctx context.Context, conn *pgx.Conn) error {
	if s.prepared == conn {
		return nil
	}
	for name, sql := range map[string]string{beginName: beginSQL, sampleName: sampleSQL} {
		if _, err := conn.PgConn().Prepare(ctx, name, sql, nil); err != nil {
			return err
		}
	}
	s.prepared = conn
	return nil
}

// What became of the pg_class row of a relation that is locked.
const (
	rowWritten = 1
	rowGone    = 2
)

func sampleOf(rows [][][]byte) sample {
	var s sample
	for _, row := range rows {
		switch string(row[columnWhat]) {
		case "held":
			h := held{
				oid: uint32(integer(row[columnOID])), mode: LockMode(number(row, 0)), gone: number(row, 1) == rowGone, bytes: number(row, 4),
				counts: counts{number(row, 5), number(row, 6), number(row, 7), number(row, 8)},
			}
			s.held = append(s.held, h)
			if e, ok := entryOf(row, number(row, 2), number(row, 3)); ok && number(row, 1) == rowWritten {
				s.changed = append(s.changed, e)
			}
		case "shared":
			if thing := sharedThings[integer(row[columnOID])]; thing != "" {
				s.shared = append(s.shared, thing)
			}
		case "wal":
			s.wal = number(row, 0)
		}
	}
	return s
}

// beginSQL is how much write-ahead log there is, and what the session's counters hold.
const beginSQL = walSQL + ` UNION ALL SELECT 'counts', o::bigint, NULL, NULL, NULL, pg_catalog.pg_stat_get_xact_tuples_inserted(o),
       pg_catalog.pg_stat_get_xact_tuples_updated(o), pg_catalog.pg_stat_get_xact_tuples_deleted(o),
       pg_catalog.pg_stat_get_xact_numscans(o) FROM pg_catalog.unnest($1::oid[]) o`

// begin is asked before a file's first statement: how much write-ahead log there is, and
// what the session's counters of these relations still hold of earlier files.
func (s *sampler) begin(ctx context.Context, conn *pgx.Conn, oids []string, forgets bool) (int64, map[uint32]counts, error) {
	if err := s.prepare(ctx, conn); err != nil {
		return 0, nil, err
	}
	given := [][]byte{[]byte("{" + strings.Join(oids, ",") + "}")}
	var r *pgconn.Result
	if forgets {
		r = conn.PgConn().ExecParams(ctx, beginSQL, given, nil, nil, nil).Read()
	} else {
		r = conn.PgConn().ExecPrepared(ctx, beginName, given, nil, nil).Read()
	}
	if r.Err != nil {
		return 0, nil, r.Err
	}
	wal, before := int64(0), map[uint32]counts{}
	for _, row := range r.Rows {
		if string(row[columnWhat]) == "wal" {
			wal = number(row, 0)
			continue
		}
		before[uint32(integer(row[columnOID]))] = counts{number(row, 0), number(row, 1), number(row, 2), number(row, 3)}
	}
	return wal, before, nil
}
