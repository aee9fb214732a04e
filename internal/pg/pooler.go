package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// PoolerError is a connection that goes through a pooler such as PgBouncer,
// where a session lock belongs to whoever comes next.
type PoolerError struct {
	// Address and Port are the PostgreSQL server's behind the pooler, as it sees
	// them itself; empty and zero when they cannot be known.
	Address string
	Port    int
}

// Error says what is wrong with a pooler.
func (e *PoolerError) Error() string {
	return "the connection goes through a pooler, which cannot hold a session's lock"
}

// Fix names the direct address.
func (e *PoolerError) Fix() string {
	if e.Port == 0 {
		return "set DB_HOST and DB_PORT to the PostgreSQL server itself, not the pooler; usually port 5432"
	}
	return fmt.Sprintf("connect to the PostgreSQL server itself: DB_HOST=%s DB_PORT=%d", e.Address, e.Port)
}

// Pooled reports whether the connection goes through a pooler: the process that
// answers is not the one the connection was opened with, or two transactions are
// answered by two processes.
func Pooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	for range 2 {
		pid, err := backendPID(ctx, conn)
		if err != nil {
			return false, err
		}
		// Comparing each with the key of the connection compares them with each other.
		if pid != fmt.Sprint(conn.PgConn().PID()) {
			return true, nil
		}
	}
	return false, nil
}

// backendPID uses the simple protocol: a pooler may not know prepared statements.
func backendPID(ctx context.Context, conn *pgx.Conn) (string, error) {
	results, err := conn.PgConn().Exec(ctx, "SELECT pg_catalog.pg_backend_pid()").ReadAll()
	if err != nil {
		return "", fmt.Errorf("asking which process answers: %w", Cause(ctx, err))
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return "", fmt.Errorf("asking which process answers: no answer")
	}
	return string(results[0].Rows[0][0]), nil
}

// RequireDirect returns a *ops.Failure around a *PoolerError when the connection
// is pooled.
func RequireDirect(ctx context.Context, conn *pgx.Conn) error {
	pooled, err := Pooled(ctx, conn)
	if err != nil || !pooled {
		return err
	}
	e := &PoolerError{}
	results, err := conn.PgConn().Exec(ctx, "SELECT host(inet_server_addr()), inet_server_port()").ReadAll()
	if err == nil && len(results) == 1 && len(results[0].Rows) == 1 && results[0].Rows[0][1] != nil {
		e.Address = string(results[0].Rows[0][0])
		_, _ = fmt.Sscan(string(results[0].Rows[0][1]), &e.Port) // zero means unknown
	}
	return &ops.Failure{
		Code:  ops.ExitRefused,
		What:  e.Error(),
		State: []string{"nothing was touched"},
		Next:  []string{e.Fix()},
		Err:   e,
	}
}
