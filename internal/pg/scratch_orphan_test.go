package pg_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// abandoned makes a scratch database of ours whose lock nobody holds.
func abandoned(t *testing.T, as config.Target) string {
	t.Helper()
	name := pg.ScratchName(ulid.Make().String())
	pgtest.Exec(t, as, "CREATE DATABASE "+name+" TEMPLATE template0")
	pgtest.Exec(t, as, "COMMENT ON DATABASE "+name+" IS 'scratch database of clipperops'")
	return name
}

// sleeping runs a long statement in a database and returns the process behind it.
func sleeping(t *testing.T, in config.Target, application string) uint32 {
	t.Helper()
	conn := pgtest.Connect(t, in)
	execAll(t, conn, "SET application_name = '"+application+"'")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = conn.PgConn().Exec(ctx, "SELECT pg_sleep(600)").Close() // it is ended
	}()
	t.Cleanup(func() { cancel(); <-ended })
	pid := conn.PgConn().PID()
	elsewhere := in.WithDatabase("postgres") // who asks must not be found there
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, elsewhere, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep')", pid)
	}, "it sleeps")
	return pid
}

// Guards against a scratch database that nobody can drop because the server still runs
// what a killed run sent last, and nobody says what, since when, and how it ends.
func TestWhatAKilledRunStillHasRunningIsToldOfAndEnded(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	name := abandoned(t, server)
	pid := sleeping(t, server.WithDatabase(name), "clipperops migrate (alice@ops1)")
	s, found := scratchOf(t, server, name)
	for _, want := range []string{"what a killed run began is still running in it", fmt.Sprintf("pid %d", pid), "active since 20", "UTC"} {
		if !found || !s.Orphaned || !strings.Contains(s.Why, want) {
			t.Errorf("%+v does not say %q", s, want)
		}
	}
	if want := fmt.Sprintf("SELECT pg_terminate_backend(%d);", pid); s.Fix != want {
		t.Errorf("fix %q, want %q", s.Fix, want)
	}
	// A rehearsal that comes along ends nobody.
	dropped, kept, err := pg.PruneScratch(t.Context(), server, pruner, pg.PruneUnused)
	if err != nil || len(dropped) != 0 || len(kept) != 1 {
		t.Errorf("dropped %v, kept %v, %v", dropped, kept, err)
	}
	dropped, _, err = pg.PruneScratch(t.Context(), server, pruner, pg.PruneOrphaned)
	if err != nil || len(dropped) != 1 || len(dropped[0].Ended) != 1 || !strings.Contains(dropped[0].Ended[0], fmt.Sprintf("pid %d", pid)) {
		t.Errorf("dropped %+v, %v", dropped, err)
	}
	if _, found := scratchOf(t, server, name); found {
		t.Error("it is still there")
	}
}

// Guards against ending sessions that are somebody's.
func TestASessionThatIsNoKilledRunsIsNotEnded(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	pgtest.Exec(t, server, "CREATE ROLE alice LOGIN CREATEDB PASSWORD 'x'")
	alice := server
	alice.User, alice.Password = "alice", "x"
	for what, enter := range map[string]func(string) uint32{
		"another program": func(name string) uint32 { return sleeping(t, alice.WithDatabase(name), "psql") },
		"another role": func(name string) uint32 {
			return sleeping(t, server.WithDatabase(name), "clipperops migrate (bob@ops1)")
		},
		"both kinds": func(name string) uint32 {
			sleeping(t, alice.WithDatabase(name), "clipperops migrate (alice@ops1)")
			return sleeping(t, alice.WithDatabase(name), "psql")
		},
	} {
		name := abandoned(t, alice)
		pid := enter(name)
		if dropped, kept := prune(t, alice); len(dropped) > 0 || !slices.Contains(kept, name) {
			t.Errorf("%s: dropped %q, kept %q", what, dropped, kept)
		}
		s, _ := scratchOf(t, alice, name)
		if s.Orphaned || !strings.Contains(s.Fix, fmt.Sprintf("pg_terminate_backend(%d)", pid)) || strings.HasPrefix(s.Why, "1 clients") {
			t.Errorf("%s: %+v", what, s)
		}
		if !pgtest.QueryValue[bool](t, server, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid) {
			t.Errorf("%s: it was ended", what)
		}
	}
}

// Guards against a reason that is not so: an empty database of somebody else's was said
// not to be empty, one client to be several, autovacuum to be a client.
func TestWhyAScratchDatabaseIsKept(t *testing.T) {
	t.Parallel()
	server := busyAutovacuum(t)
	pgtest.Exec(t, server, "CREATE ROLE bob LOGIN CREATEDB PASSWORD 'x'")
	bob := server
	bob.User, bob.Password = "bob", "x"
	made := func(comment string) string {
		name := pg.ScratchName(ulid.Make().String())
		pgtest.Exec(t, server, "CREATE DATABASE "+name+" TEMPLATE template0")
		if comment != "" {
			pgtest.Exec(t, server, "COMMENT ON DATABASE "+pgx.Identifier{name}.Sanitize()+" IS '"+comment+"'")
		}
		return name
	}
	bare, foreign, vacuumed, entered := made(""), made("mine"), abandoned(t, bob), abandoned(t, bob)
	pgtest.Exec(t, server.WithDatabase(vacuumed), "CREATE TABLE t AS SELECT n, repeat('x', 500) FROM generate_series(1, 50000) n; DELETE FROM t WHERE n % 2 = 0")
	pgtest.Hold(t, server.WithDatabase(entered), "SELECT 1")
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int](t, server, "SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'autovacuum worker'", vacuumed) > 0
	}, "autovacuum is in it")
	for name, want := range map[string]string{
		bare:     "it does not have clipperops' comment, and it belongs to " + server.User,
		foreign:  "its comment is not clipperops'",
		vacuumed: "",
		entered:  "a client is connected to it: pid ",
	} {
		s, found := scratchOf(t, bob, name)
		if !found || !strings.HasPrefix(s.Why, want) || want == "" && s.Why != "" {
			t.Errorf("%q, want %q", s.Why, want)
		}
	}
	if dropped, _ := prune(t, bob); !slices.Contains(dropped, vacuumed) {
		t.Errorf("dropped %q", dropped)
	}
}
