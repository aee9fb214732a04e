package rehearsal

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// sample is what the server says of a file's transaction at one moment.
type sample struct {
	// held are the relations it has locked.
	held []held
	// changed are the relations whose pg_class row it made or changed.
	changed []entry
	// shared are catalogs of the whole server that it wrote to.
	shared []string
	// wal is how much write-ahead log there is.
	wal int64
	// last says that sizes were asked for, which locks what they are of.
	last bool
}

// held is a relation the transaction has locked.
type held struct {
	oid  uint32
	mode LockMode
	// gone says that it was dropped.
	gone bool
	// bytes is its size, -1 where that cannot have changed.
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

// Modes are numbered by their place, which is that of LockMode.
const heldSQL = `
SELECT 'held', l.oid::bigint, CASE WHEN l.mode < 8 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = l.oid) THEN '' ELSE 'gone' END,
       l.mode::text, NULL,
       pg_catalog.pg_stat_get_xact_tuples_inserted(l.oid), pg_catalog.pg_stat_get_xact_tuples_updated(l.oid),
       pg_catalog.pg_stat_get_xact_tuples_deleted(l.oid), pg_catalog.pg_stat_get_xact_numscans(l.oid), {size}::bigint
  FROM (SELECT k.relation AS oid, max(pg_catalog.array_position(ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
               'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], k.mode)) AS mode
          FROM pg_catalog.pg_locks k
         WHERE k.pid = pg_catalog.pg_backend_pid() AND k.locktype = 'relation' AND k.granted AND k.relation >= ` + firstUserOID + `
           AND k.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
         GROUP BY k.relation) l
 WHERE l.mode IS NOT NULL`

// sharedSQL names the catalogs that all databases of the server have in common and that
// the transaction wrote to: roles, databases, settings. What a database's own objects
// depend on (pg_shdepend) is written all the time.
const sharedSQL = `
SELECT DISTINCT 'shared', 0::bigint, c.relname::text, NULL, NULL, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
  FROM pg_catalog.pg_locks k JOIN pg_catalog.pg_class c ON c.oid = k.relation
 WHERE k.pid = pg_catalog.pg_backend_pid() AND k.locktype = 'relation' AND k.granted AND k.database = 0
   AND k.mode = ANY ('{RowExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}')
   AND c.relkind = 'r' AND c.relname <> 'pg_shdepend'`

// changedSQL finds rows of pg_class by who wrote them: this transaction, whose
// subtransactions have higher numbers, and so an age below zero.
const changedSQL = classSQL + ` AND pg_catalog.age(c.xmin) <= 0`

var (
	sampleSQL = strings.Join([]string{withSize(heldSQL, "0"), withSize(changedSQL, "0"), sharedSQL, walSQL}, " UNION ALL ")
	// lastSampleSQL asks for sizes as well. That opens, and so locks, what it measures.
	lastSampleSQL = strings.Join([]string{
		withSize(heldSQL, "CASE WHEN l.mode >= 3 THEN coalesce(pg_catalog.pg_table_size(l.oid), 0) ELSE -1 END"),
		withSize(changedSQL, "0"), sharedSQL, walSQL,
	}, " UNION ALL ")
)

func withSize(sql, size string) string { return strings.ReplaceAll(sql, "{size}", size) }

// The names under which the queries are prepared.
const (
	sampleName     = "clipperops_sample"
	lastSampleName = "clipperops_last_sample"
)

// sampler asks for samples on the connection that runs the file.
type sampler struct {
	// prepared is the connection that has the queries.
	prepared *pgx.Conn
}

// take asks once, behind begin. A file that throws prepared statements away has the query planned
// each time.
func (s *sampler) take(ctx context.Context, conn *pgx.Conn, last, forgets bool) (sample, error) {
	name, sql := sampleName, sampleSQL
	if last {
		name, sql = lastSampleName, lastSampleSQL
	}
	if forgets {
		r := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		return sampleOf(r.Rows, last), r.Err
	}
	r := conn.PgConn().ExecPrepared(ctx, name, nil, nil, nil).Read()
	return sampleOf(r.Rows, last), r.Err
}

func (s *sampler) prepare(ctx context.Context, conn *pgx.Conn) error {
	if s.prepared == conn {
		return nil
	}
	for name, sql := range map[string]string{sampleName: sampleSQL, lastSampleName: lastSampleSQL} {
		if _, err := conn.PgConn().Prepare(ctx, name, sql, nil); err != nil {
			return err
		}
	}
	s.prepared = conn
	return nil
}

func sampleOf(rows [][][]byte, last bool) sample {
	s := sample{last: last}
	for _, row := range rows {
		switch string(row[columnWhat]) {
		case "held":
			s.held = append(s.held, held{
				oid: uint32(integer(row[columnOID])), mode: LockMode(integer(row[columnB])), gone: string(row[columnA]) == "gone",
				counts: counts{number(row, 0), number(row, 1), number(row, 2), number(row, 3)}, bytes: number(row, 4),
			})
		case "class":
			_, e := classOf(row)
			s.changed = append(s.changed, e)
		case "shared":
			s.shared = append(s.shared, string(row[columnA]))
		case "wal":
			s.wal = number(row, 0)
		}
	}
	return s
}

// begin is asked before a file's first statement: how much write-ahead log there is, and
// what the session's counters of these relations still hold of earlier files.
func (s *sampler) begin(ctx context.Context, conn *pgx.Conn, oids []string) (int64, map[uint32]counts, error) {
	if err := s.prepare(ctx, conn); err != nil {
		return 0, nil, err
	}
	sql := walSQL
	if len(oids) > 0 {
		sql += ` UNION ALL SELECT 'counts', o::bigint, NULL, NULL, NULL, pg_catalog.pg_stat_get_xact_tuples_inserted(o),
			pg_catalog.pg_stat_get_xact_tuples_updated(o), pg_catalog.pg_stat_get_xact_tuples_deleted(o),
			pg_catalog.pg_stat_get_xact_numscans(o), 0::bigint FROM pg_catalog.unnest('{` + strings.Join(oids, ",") + `}'::oid[]) o`
	}
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return 0, nil, err
	}
	wal, before := int64(0), map[uint32]counts{}
	for _, row := range results[0].Rows {
		if string(row[columnWhat]) == "wal" {
			wal = number(row, 0)
			continue
		}
		before[uint32(integer(row[columnOID]))] = counts{number(row, 0), number(row, 1), number(row, 2), number(row, 3)}
	}
	return wal, before, nil
}
