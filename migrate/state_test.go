package migrate_test

import (
	"context"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

func TestReadStateLooksWhereGolangMigrateDoes(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if s := stateOver(t, conn); s != (migrate.State{Schema: "public", Version: -1}) || s.String() != "no version" {
		t.Errorf("%+v", s)
	}
	exec(`CREATE SCHEMA "App"; SET search_path = nowhere, "App", public; CREATE TABLE schema_migrations (version bigint, dirty boolean)`)
	exec("INSERT INTO schema_migrations VALUES (7, false), (11, true)")
	s := stateOver(t, conn)
	if s.Schema != "App" || !s.Table || s.Rows != 2 || s.Version != 11 || !s.Dirty || s.Unfinished != nil {
		t.Errorf("%+v", s)
	}
	exec("DELETE FROM schema_migrations WHERE dirty")
	if s := stateOver(t, conn); s.Version != 7 || s.String() != "version 7, clean" {
		t.Errorf("%+v", s)
	}
	exec("SET search_path = nowhere")
	_, err := migrate.ReadState(t.Context(), conn)
	failure(t, err, ops.ExitFailed, "no schema of the search_path exists", "CREATE SCHEMA public;")
}

func TestReadStateInterrupted(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := migrate.ReadState(ctx, conn); ops.CodeOf(err) != ops.ExitInterrupted {
		t.Errorf("%v", err)
	}
}

// TestSetVersionWritesTheRowAlone: one row, or none for no version.
func TestSetVersionWritesTheRowAlone(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	for _, c := range []struct {
		version int64
		dirty   bool
		rows    int
	}{{-1, false, 0}, {3, true, 1}, {4, false, 1}, {-1, true, 1}, {-1, false, 0}} {
		if err := migrate.SetVersion(t.Context(), conn, c.version, c.dirty); err != nil {
			t.Fatal(err)
		}
		if s := stateOver(t, conn); s.Version != c.version || s.Dirty != c.dirty || s.Rows != c.rows {
			t.Errorf("%+v: %+v", c, s)
		}
	}
}
