package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/jackc/pgx/v5"
)

// Connect opens a connection that is closed at the end of the test.
func Connect(t testing.TB, target config.Target) *pgx.Conn {
	t.Helper()
	conn, err := dial(t.Context(), target)
	if err != nil {
		t.Fatalf("connecting to %s: %v", target, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the test may have closed or killed it
	})
	return conn
}

// Exec runs SQL on a connection of its own. Without args it may be several statements.
func Exec(t testing.TB, target config.Target, sql string, args ...any) {
	t.Helper()
	conn, err := dial(t.Context(), target)
	if err != nil {
		t.Fatalf("connecting to %s: %v", target, err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing depends on it
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\n    in: %s", err, sql)
	}
}

// QueryValue returns the single value a query yields, on a connection of its own.
func QueryValue[T any](t testing.TB, target config.Target, sql string, args ...any) T {
	t.Helper()
	conn, err := dial(t.Context(), target)
	if err != nil {
		t.Fatalf("connecting to %s: %v", target, err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing depends on it
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%v\n    in: %s", err, sql)
	}
	return v
}

// QueryColumn returns the values of a query's single column.
func QueryColumn[T any](t testing.TB, target config.Target, sql string, args ...any) []T {
	t.Helper()
	conn, err := dial(t.Context(), target)
	if err != nil {
		t.Fatalf("connecting to %s: %v", target, err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing depends on it
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%v\n    in: %s", err, sql)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%v\n    in: %s", err, sql)
	}
	return values
}

func dial(ctx context.Context, target config.Target) (*pgx.Conn, error) {
	return dialAs(ctx, target, "pgtest")
}

func dialAs(ctx context.Context, target config.Target, application string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(target.ConnString())
	if err != nil {
		return nil, err
	}
	c.RuntimeParams["application_name"] = application
	return pgx.ConnectConfig(ctx, c)
}
