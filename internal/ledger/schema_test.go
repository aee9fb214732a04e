package ledger

import (
	"errors"
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAVersionThatFailsLeavesThePreviousOne proves one transaction per version:
// the first is kept, of the second nothing is left, and the way on is open.
func TestAVersionThatFailsLeavesThePreviousOne(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	files, err := embeddedSchema()
	if err != nil {
		t.Fatal(err)
	}
	bad := append(files[:1:1], schemaFile{version: 2, name: "0002_bad.sql", sql: `CREATE TABLE clipperops.half (n int); SELECT 1/0`})
	if _, err := open(t.Context(), conn, bad); err == nil {
		t.Fatal("a schema that cannot be applied was")
	}
	var version int
	var half bool
	err = conn.QueryRow(t.Context(), `SELECT max(version), to_regclass('clipperops.half') IS NOT NULL FROM clipperops.schema_version`).Scan(&version, &half)
	if err != nil || version != 1 || half {
		t.Errorf("version %d, half %v, %v", version, half, err)
	}
	if _, err := Open(t.Context(), conn); err != nil {
		t.Errorf("Open afterwards: %v", err)
	}
}

func TestWhatTheServerSaysIsClassified(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	for sql, want := range map[string]Reason{
		`SET transaction_read_only = on; CREATE TABLE x ()`: ReadOnly,
		`SET ROLE pg_monitor; CREATE SCHEMA clipperops`:     NoPrivilege,
		`SET statement_timeout = 1; SELECT pg_sleep(9)`:     Busy,
		`SELECT 1/0`: Broken,
	} {
		_, err := conn.Exec(t.Context(), sql)
		var u *UnavailableError
		if !errors.As(unavailable(err), &u) || u.Reason != want {
			t.Errorf("%s: %v, want %s", sql, u, want)
		}
		if _, err := conn.Exec(t.Context(), `RESET ALL; RESET ROLE`); err != nil {
			t.Fatal(err)
		}
	}
}
