package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SnapshotOptions says what a snapshot leaves out.
type SnapshotOptions struct {
	// ExcludeSchemas are left out besides the server's own, temporary ones and schema clipperops.
	ExcludeSchemas []string
	// ExcludeKinds are left out, e.g. KindOwner and KindGrant to compare databases whose roles differ.
	ExcludeKinds []Kind
}

// ledgerSchema is clipperops' own schema: it comes and goes with our commands, not with migrations.
const ledgerSchema = "clipperops"

const (
	// snapshotTries bounds how often a snapshot is taken anew when objects vanish under it: the
	// server's definition functions look at the present, not at the transaction's snapshot.
	snapshotTries = 3
	// cleanUpTimeout bounds what must still be done on a connection after a cancelled context.
	cleanUpTimeout = 10 * time.Second
)

// errVanished is reported when an object was dropped while the snapshot was being taken.
var errVanished = errors.New("the schema is being changed by another session while it is read")

// TakeSnapshot reads the whole schema conn sees. In a transaction that is open on conn it sees what
// that transaction sees and leaves the transaction as it was; otherwise it runs a REPEATABLE READ
// READ ONLY transaction of its own. It works on servers from version 12.
func TakeSnapshot(ctx context.Context, conn *pgx.Conn, o SnapshotOptions) (*Snapshot, error) {
	begin, end := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK"
	switch conn.PgConn().TxStatus() {
	case 'T':
		// The savepoint gives the settings back and keeps the caller's transaction alive on an error.
		begin = "SAVEPOINT clipperops_snapshot"
		end = "ROLLBACK TO SAVEPOINT clipperops_snapshot; RELEASE SAVEPOINT clipperops_snapshot"
	case 'E':
		return nil, errors.New("taking a schema snapshot: the transaction has failed already")
	}
	var s *Snapshot
	var err error
	for range snapshotTries {
		s, err = takeOnce(ctx, conn, o, begin, end)
		if err == nil || ctx.Err() != nil || !vanished(err) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("taking a schema snapshot: %w", err)
	}
	return s, nil
}

// vanished tells the errors of an object dropped in mid-read (XX000 "cache lookup failed") from others.
func vanished(err error) bool {
	var pgErr *pgconn.PgError
	return errors.Is(err, errVanished) || errors.As(err, &pgErr) && pgErr.Code == "XX000"
}

func takeOnce(ctx context.Context, conn *pgx.Conn, o SnapshotOptions, begin, end string) (s *Snapshot, err error) {
	if err := runSQL(ctx, conn, begin); err != nil {
		return nil, err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		err = errors.Join(err, runSQL(clean, conn, end))
	}()
	version, err := settle(ctx, conn)
	if err != nil {
		return nil, err
	}
	results, err := conn.PgConn().Exec(ctx, strings.Join(snapshotQueries(version, o.ExcludeSchemas), ";\n")).ReadAll()
	if err != nil {
		return nil, err
	}
	found := newCollection()
	for _, r := range results {
		for _, row := range r.Rows {
			if err := found.add(row); err != nil {
				return nil, err
			}
		}
	}
	return found.snapshot(version, o), nil
}

// runSQL sends SQL without arguments as it stands, whatever mode the connection prepares in.
func runSQL(ctx context.Context, conn *pgx.Conn, sql string) error {
	return conn.PgConn().Exec(ctx, sql).Close()
}

// settle makes the definition functions write the same text in every session: all names
// qualified (a temporary table cannot stand before a catalog either) and all constants in one
// style. jit would cost more than the queries.
func settle(ctx context.Context, conn *pgx.Conn) (version int, err error) {
	const sql = `
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL quote_all_identifiers = off;
SET LOCAL standard_conforming_strings = on;
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL jit = off;
SELECT current_setting('server_version_num')`
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(results[len(results)-1].Rows[0][0]))
}
