package rollback

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// reference is the last moment at which all of a table's rows were saved, or known to be
// derived from rows that were.
type reference struct {
	// horizon: what transactions before this one did was complete then.
	horizon int64
	rows    int64
}

// moment is what a snapshot says of open transactions.
type moment struct {
	// snapshot is the server's txid_snapshot.
	snapshot string
	// horizon is the oldest transaction that was open in this database, or may have been.
	horizon int64
	// unknown are those that have ended since, so that their database cannot be told.
	unknown int
}

// horizonTries bounds how often a moment is looked for at which all open transactions can be
// told of. What cannot be told only makes more rows be saved once more.
const horizonTries = 5

// The transactions that were open are in the snapshot, those of other databases of the server
// too, which cannot write here: pg_locks and pg_stat_activity tell which.
const momentSQL = `
WITH s AS MATERIALIZED (SELECT txid_current_snapshot() AS now),
open AS MATERIALIZED (
    SELECT x, (SELECT count(*) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
               WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
                 AND l.transactionid::text::bigint = x & 4294967295 AND a.datname <> current_database()) > 0 AS elsewhere,
           (SELECT count(*) FROM pg_catalog.pg_locks l
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
              AND l.transactionid::text::bigint = x & 4294967295) = 0 AS ended
    FROM s, txid_snapshot_xip(s.now) AS x)
SELECT s.now::text, coalesce((SELECT min(x) FROM open WHERE NOT elsewhere), txid_snapshot_xmax(s.now)),
       (SELECT count(*) FROM open WHERE ended AND NOT elsewhere)
FROM s`

// readMoment looks at the snapshot that conn sees.
func readMoment(ctx context.Context, conn *pgx.Conn) (moment, error) {
	var m moment
	// What pg_stat_activity says is otherwise that of its first use in the transaction.
	if err := script(ctx, conn, "SELECT pg_catalog.pg_stat_clear_snapshot()"); err != nil {
		return m, fmt.Errorf("asking for open transactions: %w", err)
	}
	if err := conn.QueryRow(ctx, momentSQL).Scan(&m.snapshot, &m.horizon, &m.unknown); err != nil {
		return m, fmt.Errorf("asking for open transactions: %w", err)
	}
	return m, nil
}

// readKnownMoment looks, in a READ COMMITTED transaction, for a moment of which everything is
// known; after a few tries one of which not everything is.
func readKnownMoment(ctx context.Context, conn *pgx.Conn) (m moment, err error) {
	for range horizonTries {
		if m, err = readMoment(ctx, conn); err != nil || m.unknown == 0 {
			break
		}
	}
	return m, err
}
