package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// scratchOfRole counts the scratch databases of the session's role.
const scratchOfRole = `SELECT count(*) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
	WHERE datname LIKE 'clipperops\_scratch\_%' AND rolname = current_user`

// TestInterruptedSchemaLeavesNothing presses Ctrl-C while migrations are built.
func TestInterruptedSchemaLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.AsRole()))
	if err := os.Mkdir(p.path("m"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"m/000001_long.up.sql": "SELECT pg_sleep(600);", "m/000001_long.down.sql": "SELECT 1;"} {
		if err := os.WriteFile(p.path(name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := p.start("schema", "diff", "m", "db")
	const sleeping = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event = 'PgSleep'"
	pgtest.Eventually(t, func() bool { return pgtest.QueryValue[int](t, p.target, sleeping) == 1 }, "the migration runs")
	if n := pgtest.QueryValue[int](t, p.target, scratchOfRole); n != 1 {
		t.Errorf("%d scratch databases while it is built", n)
	}
	r.signal(syscall.SIGINT)
	r.wants(ops.ExitInterrupted, "interrupted while building m", "nothing was changed")
	if n := pgtest.QueryValue[int](t, p.target, scratchOfRole); n != 0 {
		t.Errorf("%d scratch databases are left", n)
	}
}
