package validate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The server's own timeouts. Validation is a guest: it waits for nobody long,
// and lets nobody wait long.
const (
	lockTimeout      = 2 * time.Second
	statementTimeout = 30 * time.Second
	rollbackTimeout  = 10 * time.Second
)

// SQLSTATEs that mean more than "it did not work".
const (
	codeUndefinedTable    = "42P01"
	codeUndefinedColumn   = "42703"
	codeUndefinedFunction = "42883"
	codeForbidden         = "42501"
	codeLockTimeout       = "55P03"
	codeDeadlock          = "40P01"
	codeCancelled         = "57014"
	codeReadOnly          = "25006"
)

// reading runs body in a transaction that can change nothing.
func (v *validation) reading(ctx context.Context, body func(pgx.Tx) error, settings ...string) error {
	return v.transaction(ctx, "ISOLATION LEVEL REPEATABLE READ READ ONLY", settings, body)
}

// writing runs body in a transaction that is rolled back whatever happens.
func (v *validation) writing(ctx context.Context, body func(pgx.Tx) error) error {
	return v.transaction(ctx, "READ WRITE", []string{"SET CONSTRAINTS ALL IMMEDIATE"}, body)
}

// transaction begins, sets and bounds a transaction in one round trip, and always
// ends it with ROLLBACK, also when ctx is over.
func (v *validation) transaction(ctx context.Context, mode string, settings []string, body func(pgx.Tx) error) error {
	begin := fmt.Sprintf("BEGIN %s; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d; SET LOCAL search_path = %s, pg_temp",
		mode, lockTimeout.Milliseconds(), statementTimeout.Milliseconds(), quoted(v.Release.Schema))
	for _, s := range settings {
		begin += "; " + s
	}
	tx, err := v.Conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return errors.Join(err, v.rollback(ctx))
	}
	err = body(tx)
	return errors.Join(err, v.rollback(ctx))
}

// rollback leaves the connection outside a transaction, or says why it cannot.
func (v *validation) rollback(ctx context.Context) error {
	if v.Conn.IsClosed() || v.Conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := v.Conn.Exec(over, "ROLLBACK"); err != nil {
		return fmt.Errorf("rolling back: %w", err)
	}
	return nil
}

// query runs one statement in one round trip and returns the first row's columns
// as text, how many rows it touched or returned, and the server's error.
func query(ctx context.Context, tx pgx.Tx, sql string, args ...any) (first []string, rows int64, err error) {
	result, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return nil, 0, err
	}
	defer result.Close()
	for result.Next() {
		if first != nil {
			continue
		}
		first = []string{}
		for _, raw := range result.RawValues() {
			if raw == nil {
				first = append(first, "NULL")
				continue
			}
			first = append(first, string(raw))
		}
	}
	return first, result.CommandTag().RowsAffected(), result.Err()
}

// serverError is the error as the server reported it, nil if it was not the server.
func serverError(err error) *pgconn.PgError {
	var fault *pgconn.PgError
	errors.As(err, &fault)
	return fault
}

// unanswered is the result of a question that the server did not answer.
func (v *validation) unanswered(err error) ops.Result {
	again := "then: " + v.command("validate")
	fault := serverError(err)
	if fault == nil {
		return ops.Broken(err, "see whether the connection stands, "+again)
	}
	switch fault.Code {
	case codeLockTimeout, codeDeadlock:
		return ops.Broken(err, "somebody holds a lock on the table: wait, "+again)
	case codeCancelled:
		return ops.Broken(err, "the server gave up after "+statementTimeout.String()+": ANALYZE; "+again)
	case codeForbidden:
		return ops.Broken(err, "run as the owner of the tables, "+again)
	}
	return ops.Broken(err, "see the server's message, "+again)
}
