package pg_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

const secret = "hunter2%@/ x"

// refused connects, expects to fail and returns why. No way of printing the
// error may show the password.
func refused(t *testing.T, ctx context.Context, target config.Target) *pg.ConnectError {
	t.Helper()
	conn, err := pg.Connect(ctx, target, pg.ConnOptions{})
	if err == nil {
		_ = conn.Close(ctx)
		t.Fatalf("connected to %s", target)
	}
	var e *pg.ConnectError
	if !errors.As(err, &e) {
		t.Fatalf("error %T %v, want a *pg.ConnectError", err, err)
	}
	f := ops.AsFailure(err)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprintf("%v %+v %#v", e, e, e), strings.Join(f.Detail, ""), e.Fix()} {
		if p := target.Password.Reveal(); p != "" && strings.Contains(text, p) {
			t.Errorf("the password is in %q", text)
		}
	}
	if e.Fix() == "" || len(f.Next) == 0 || !strings.Contains(f.What, target.Database) {
		t.Errorf("failure %+v names neither a fix nor the database", f)
	}
	return e
}

func TestAFailedConnectionSaysWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	good := pgtest.New(t, pgtest.AsRole())
	exec := func(sql string) func(*config.Target) {
		return func(c *config.Target) {
			pgtest.Exec(t, pgtest.Shared(t), strings.NewReplacer("ROLE", pgx.Identifier{c.User}.Sanitize(), "DB", pgx.Identifier{c.Database}.Sanitize()).Replace(sql))
		}
	}
	for _, tt := range []struct {
		name  string
		kind  pg.ConnectKind
		fix   string
		spoil func(*config.Target)
	}{
		{"wrong password", pg.ConnectPassword, "DB_PASSWORD", func(c *config.Target) { c.Password = secret }},
		{"no password", pg.ConnectPassword, "DB_PASSWORD", func(c *config.Target) { c.Password = "" }},
		{"unknown host", pg.ConnectHost, "getent hosts", func(c *config.Target) { c.Host = "no-such-host.invalid" }},
		{"port closed", pg.ConnectRefused, "pg_isready", func(c *config.Target) { c.Port = closedPort(t) }},
		{"no socket", pg.ConnectRefused, "pg_isready", func(c *config.Target) { c.Host = t.TempDir() }},
		{"database missing", pg.ConnectDatabase, "createdb", func(c *config.Target) { c.Database = "no_such_database" }},
		{"TLS refused", pg.ConnectTLSRefused, "ssl on", func(c *config.Target) { c.SSLMode = "require" }},
		{"may not connect", pg.ConnectNotAllowed, "GRANT CONNECT", func(c *config.Target) {
			c.Database = pgtest.New(t).Database
			exec("REVOKE CONNECT ON DATABASE DB FROM PUBLIC")(c)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := good
			tt.spoil(&target)
			e := refused(t, t.Context(), target)
			if e.Kind != tt.kind {
				t.Errorf("kind %q (%v), want %q", e.Kind, e.Err, tt.kind)
			}
			if !strings.Contains(e.Fix(), tt.fix) {
				t.Errorf("fix %q does not say %q", e.Fix(), tt.fix)
			}
		})
	}
}

func TestARoleThatMayNotLogInAndOneWithoutConnectionsLeft(t *testing.T) {
	t.Parallel()
	for kind, attribute := range map[pg.ConnectKind]string{pg.ConnectRole: "NOLOGIN", pg.ConnectTooMany: "CONNECTION LIMIT 0"} {
		target := pgtest.New(t, pgtest.AsRole())
		pgtest.Exec(t, pgtest.Shared(t), "ALTER ROLE "+pgx.Identifier{target.User}.Sanitize()+" "+attribute)
		if e := refused(t, t.Context(), target); e.Kind != kind {
			t.Errorf("%s: kind %q (%v), want %q", attribute, e.Kind, e.Err, kind)
		}
	}
}

// What is hard to bring a real server to say is said here in its own words, on
// the wire.
func TestAnswersOfServersInUnusualStates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind    pg.ConnectKind
		code    string
		routine string
		message string
	}{
		{pg.ConnectStarting, "57P03", "ProcessStartupPacket", "the database system is starting up"},
		{pg.ConnectStarting, "57P03", "ProcessStartupPacket", "Das Datenbanksystem startet"},
		{pg.ConnectShuttingDown, "57P03", "ProcessStartupPacket", "the database system is shutting down"},
		{pg.ConnectShuttingDown, "57P01", "ProcessInterrupts", "terminating connection due to administrator command"},
		{pg.ConnectTooMany, "53300", "InitPostgres", "sorry, too many clients already"},
		{pg.ConnectRole, "28000", "InitializeSessionUserId", `role "clipper" does not exist`},
		{pg.ConnectTLSRequired, "28000", "ClientAuthentication", `no pg_hba.conf entry for host "10.0.0.1", user "clipper", database "clipper_db", no encryption`},
		{pg.ConnectNotAllowed, "28000", "ClientAuthentication", `no pg_hba.conf entry for host "10.0.0.1", user "clipper", database "clipper_db", SSL encryption`},
		{pg.ConnectPassword, "28000", "auth_failed", `Peer authentication failed for user "clipper"`},
		{pg.ConnectPooler, "08P01", "", "unsupported startup parameter: lock_timeout"},
		{pg.ConnectUnknownProblem, "XX000", "", "something else"},
	} {
		t.Run(tt.message, func(t *testing.T) {
			t.Parallel()
			port := serveOnce(t, func(b *pgproto3.Backend) {
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: tt.code, Message: tt.message, Routine: tt.routine})
			})
			target := config.Target{Host: "127.0.0.1", Port: port, User: "clipper", Password: secret, Database: "clipper_db", SSLMode: "disable"}
			if e := refused(t, t.Context(), target); e.Kind != tt.kind {
				t.Errorf("kind %q, want %q", e.Kind, tt.kind)
			}
		})
	}
}

func TestAServerThatNeverAnswersIsATimeout(t *testing.T) {
	t.Parallel()
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) })
	port := serveOnce(t, func(*pgproto3.Backend) { <-silent })
	target := config.Target{Host: "127.0.0.1", Port: port, User: "clipper", Password: secret, Database: "clipper_db", SSLMode: "disable"}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if e := refused(t, ctx, target); e.Kind != pg.ConnectTimeout {
		t.Errorf("kind %q (%v), want a timeout", e.Kind, e.Err)
	}
}

func TestConnectingCanBeInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	port := serveOnce(t, func(*pgproto3.Backend) { cancel(); <-ctx.Done() })
	target := config.Target{Host: "127.0.0.1", Port: port, User: "clipper", Password: secret, Database: "clipper_db", SSLMode: "disable"}
	_, err := pg.Connect(ctx, target, pg.ConnOptions{})
	if got := ops.CodeOf(err); got != ops.ExitInterrupted {
		t.Errorf("exit code %d of %v, want %d", got, err, ops.ExitInterrupted)
	}
}

func closedPort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// serveOnce takes one connection, reads its startup message and lets answer speak.
func serveOnce(t *testing.T, answer func(*pgproto3.Backend)) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		b := pgproto3.NewBackend(c, c)
		if _, err := b.ReceiveStartupMessage(); err == nil {
			answer(b)
			_ = b.Flush() // the client may have gone
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}
