package ledger

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Reason tells why the ledger cannot be written or read.
type Reason string

// The reasons.
const (
	// ReadOnly: a standby, or a session that may not write.
	ReadOnly Reason = "read-only"
	// NoPrivilege: the role may not create or write schema clipperops.
	NoPrivilege Reason = "no privilege"
	// Newer: a newer clipperops has been here.
	Newer Reason = "newer"
	// Busy: somebody holds a lock on the ledger's tables.
	Busy Reason = "busy"
	// Broken: anything else; Err says what.
	Broken Reason = "broken"
)

// UnavailableError says why there is no ledger. It stops nobody: the command
// goes on and says so.
type UnavailableError struct {
	Reason Reason
	// Role is who was connected, "" when not known.
	Role string
	// Detail says what was found.
	Detail string
	// Remedy is what to do about it, "" where nothing needs to be done.
	Remedy string
	// Have and Know are the ledger's schema version and the newest this program
	// knows; set for Newer.
	Have, Know int
	// Err is the cause, if the server named one.
	Err error
}

// Error says what cannot be done and why, in one line.
func (e *UnavailableError) Error() string {
	text := e.Detail
	if text == "" && e.Err != nil {
		text = e.Err.Error()
	}
	return "the ledger cannot be used: " + text
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Fix is what to type, "" where nothing needs to be done.
func (e *UnavailableError) Fix() string { return e.Remedy }

// unavailable classifies what the server said.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	var known *UnavailableError
	if errors.As(err, &known) {
		return known
	}
	u := &UnavailableError{Reason: Broken, Err: err}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return u
	}
	switch pgErr.Code {
	case "25006": // read_only_sql_transaction
		u.Reason = ReadOnly
	case "42501": // insufficient_privilege
		u.Reason = NoPrivilege
	case "55P03", "57014": // lock_not_available, query_canceled
		u.Reason, u.Detail = Busy, "somebody holds a lock on its tables"
		u.Remedy = "see who holds the lock: SELECT pid, mode FROM pg_locks WHERE relation = 'clipperops.runs'::regclass;"
	}
	return u
}

// readable says in plain words what went wrong while reading a ledger that may
// have been written by a newer program.
func readable(ctx context.Context, db Executor, err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return unavailable(err)
	}
	switch pgErr.Code {
	case "42703", "42P01", "42883", "42804": // undefined column, table, function; datatype mismatch
		if newer := newerThanKnown(ctx, db); newer != nil {
			return newer
		}
	}
	err = unavailable(err)
	var u *UnavailableError
	if errors.As(err, &u) && u.Reason == NoPrivilege {
		u.Remedy = "GRANT USAGE ON SCHEMA clipperops TO …; GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO …;   as the schema's owner"
	}
	return err
}

func quote(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }
