package pg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Holder is a session that holds something somebody else wants. What the role
// may not see (pg_read_all_stats) is empty.
type Holder struct {
	PID         int
	User        string
	Application string
	// Address is the client's, "local" for a unix socket.
	Address string
	// Database the session is connected to.
	Database string
	// State is pg_stat_activity's: "active", "idle in transaction", …
	State string
	// Since is when the session took what it holds, as near as the server can
	// tell: for an advisory lock when the session began, for a blocker when it
	// entered its present state.
	Since time.Time
	// Began is when the session did: with it a process id names one session for good.
	Began time.Time
	// Transaction is when its transaction began, zero when it has none.
	Transaction time.Time
	// Query is what it runs now or, when idle, ran last.
	Query string
	// What it holds, e.g. "the golang-migrate lock" or "ACCESS EXCLUSIVE on public.users".
	What string
}

// String names the session in one line: "pid 8123  user report  app metabase
// from 10.0.0.7  idle in transaction since 02:14:09".
func (h Holder) String() string {
	parts := []string{fmt.Sprintf("pid %d", h.PID)}
	if h.PID == 0 {
		parts[0] = "a prepared transaction" // pg_blocking_pids answers 0
	}
	if h.User != "" {
		parts = append(parts, "user "+h.User)
	}
	if h.Application != "" {
		parts = append(parts, "app "+h.Application)
	}
	if h.Address != "" {
		parts = append(parts, "from "+h.Address)
	}
	if h.State != "" {
		parts = append(parts, h.State)
	}
	if !h.Since.IsZero() {
		parts = append(parts, "since "+h.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if h.State == "" && h.Since.IsZero() && h.PID != 0 {
		parts = append(parts, "(details need pg_read_all_stats)")
	}
	return strings.Join(parts, "  ")
}

// inline is the line as part of a sentence.
func (h Holder) inline() string {
	return strings.NewReplacer("  since ", " since ", "  (", " (", "  ", ", ").Replace(h.String())
}

// Holders returns the sessions that hold any of the advisory locks in this
// database now, the longest-lived first.
func Holders(ctx context.Context, conn *pgx.Conn, ids ...int64) ([]Holder, error) {
	return advisory(ctx, conn, true, ids)
}

// Waiting returns the sessions that wait for any of the advisory locks in this
// database. A blocking pg_advisory_lock, as golang-migrate uses, keeps a snapshot
// open while it waits, and CREATE INDEX CONCURRENTLY waits for that.
func Waiting(ctx context.Context, conn *pgx.Conn, ids ...int64) ([]Holder, error) {
	return advisory(ctx, conn, false, ids)
}

// An advisory lock of one bigint stands in pg_locks split into two halves, with
// objsubid 1.
const advisorySQL = `
SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''),
       coalesce(host(a.client_addr), CASE WHEN a.backend_start IS NOT NULL THEN 'local' ELSE '' END),
       coalesce(a.datname, ''), coalesce(a.state, ''), a.backend_start, a.xact_start, coalesce(left(a.query, 200), ''),
       array_agg(l.id ORDER BY l.id)
  FROM (SELECT pid, granted, (classid::int8 << 32) | objid::int8 AS id
          FROM pg_catalog.pg_locks
         WHERE locktype = 'advisory' AND objsubid = 1
           AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) l
  JOIN pg_catalog.pg_stat_activity a USING (pid)
 WHERE l.id = ANY ($1) AND l.granted = $2 AND a.pid <> pg_catalog.pg_backend_pid()
 GROUP BY a.pid, a.usename, a.application_name, a.client_addr, a.datname, a.state, a.backend_start, a.xact_start, a.query
 ORDER BY a.backend_start NULLS LAST, a.pid`

func advisory(ctx context.Context, conn *pgx.Conn, granted bool, ids []int64) ([]Holder, error) {
	rows, err := conn.Query(ctx, advisorySQL, ids, granted)
	if err != nil {
		return nil, fmt.Errorf("asking who holds the lock: %w", Cause(ctx, err))
	}
	holders, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Holder, error) {
		var h Holder
		var since, transaction *time.Time
		var held []int64
		err := row.Scan(&h.PID, &h.User, &h.Application, &h.Address, &h.Database, &h.State, &since, &transaction, &h.Query, &held)
		h.Since, h.Began, h.Transaction, h.What = moment(since), moment(since), moment(transaction), lockName(held)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("asking who holds the lock: %w", Cause(ctx, err))
	}
	return holders, nil
}

// lockName says whose lock it is: clipperops holds its own and golang-migrate's.
func lockName(held []int64) string {
	for _, id := range held {
		if id == OperatorLockID {
			return "the clipperops lock"
		}
	}
	return "the golang-migrate lock"
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
