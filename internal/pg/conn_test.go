package pg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// connect opens a connection through the package under test.
func connect(t *testing.T, target config.Target, o pg.ConnOptions) *pgx.Conn {
	t.Helper()
	conn, err := pg.Connect(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func show(t *testing.T, conn *pgx.Conn, setting string) string {
	t.Helper()
	var value string
	if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEveryConnectionStatesItsTimeoutsAndName(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := connect(t, target, pg.ConnOptions{
		Application:       "clipperops migrate (alice@ops1)",
		StatementTimeout:  90 * time.Second,
		LockTimeout:       3 * time.Second,
		IdleInTransaction: time.Nanosecond,
		ReadOnly:          true,
	})
	got := map[string]string{}
	for _, name := range []string{"application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "default_transaction_read_only", "idle_session_timeout"} {
		got[name] = show(t, conn, name)
	}
	want := map[string]string{
		"application_name":                    "clipperops migrate (alice@ops1)",
		"statement_timeout":                   "90s",
		"lock_timeout":                        "3s",
		"idle_in_transaction_session_timeout": "1ms", // a tiny timeout must not become 0, which is none
		"default_transaction_read_only":       "on",
		"idle_session_timeout":                "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// Guards against a role's own statement_timeout cutting a migration in the middle.
func TestZeroTimeoutsOverrideThoseOfTheRole(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	pgtest.Exec(t, target, "ALTER ROLE "+pgx.Identifier{target.User}.Sanitize()+" SET statement_timeout = '1s'")
	if got := show(t, connect(t, target, pg.ConnOptions{}), "statement_timeout"); got != "0" {
		t.Errorf("statement_timeout = %s, want 0", got)
	}
}

func TestLongApplicationNamesAreCutAtACharacter(t *testing.T) {
	t.Parallel()
	name := "clipperops " + strings.Repeat("x", 51) + "é and more"
	got := show(t, connect(t, pgtest.New(t), pg.ConnOptions{Application: name}), "application_name")
	if want := name[:62]; got != want || !utf8.ValidString(got) {
		t.Errorf("application_name = %q, want %q", got, want)
	}
}

func TestACancelledQueryIsCancelledOnTheServerAndTheConnectionStaysUsable(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := connect(t, target, pg.ConnOptions{})
	watch := pgtest.Connect(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for {
			var running bool
			err := watch.QueryRow(t.Context(), "SELECT state = 'active' AND query LIKE '%pg_sleep%' FROM pg_stat_activity WHERE pid = $1", int(conn.PgConn().PID())).Scan(&running)
			if err != nil || running {
				cancel()
				return
			}
		}
	}()
	started := time.Now()
	_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
	if err = pg.Cause(ctx, err); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("took %s to cancel", took)
	}
	if got := show(t, conn, "server_encoding"); got != "UTF8" {
		t.Errorf("after the cancel the connection answers %q", got)
	}
}

// Guards against "cached plan must not change result type" after a migration
// changed a table this connection had read.
func TestAConnectionOutlivesChangesOfTheTablesItReads(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), pg.ConnOptions{})
	for _, sql := range []string{"CREATE TABLE t (a int)", "SELECT * FROM t", "ALTER TABLE t ADD b int", "SELECT * FROM t"} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func TestDescribeSaysWhoTheServerIs(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	s, err := pg.Describe(t.Context(), connect(t, target, pg.ConnOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	if s.Major() < 12 || !strings.HasPrefix(s.Version, "1") {
		t.Errorf("version %d %q", s.VersionNum, s.Version)
	}
	if s.InRecovery || s.ReadOnly || s.Superuser || s.TLS != "" {
		t.Errorf("in recovery %v, read-only %v, superuser %v, TLS %q; want none", s.InRecovery, s.ReadOnly, s.Superuser, s.TLS)
	}
	if s.Database != target.Database || s.User != target.User || s.Schema != "public" {
		t.Errorf("database %q, user %q, schema %q", s.Database, s.User, s.Schema)
	}
	if s.DatabaseBytes <= 0 || s.Started.IsZero() || time.Since(s.Clock).Abs() > time.Hour || s.PID == 0 {
		t.Errorf("bytes %d, started %s, clock %s, pid %d", s.DatabaseBytes, s.Started, s.Clock, s.PID)
	}
}
