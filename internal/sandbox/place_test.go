package sandbox_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

func cloneRequest(t testing.TB, source config.Target) pg.CloneRequest {
	t.Helper()
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return pg.CloneRequest{
		Source: source, Run: ulid.Make().String(), Application: "clipperops migrate (alice@ops1)", Programs: programs,
		Rows: [][2]string{{"public", "schema_migrations"}}, Note: func(s string) { t.Log(s) },
	}
}

func throwaway() pg.ClonePlace {
	return sandbox.ThrowawayPlace(sandbox.ThrowawayOptions{PathEnv: os.Getenv("PATH"), Backend: sandbox.BackendLocal})
}

func makeClone(t testing.TB, place pg.ClonePlace, r pg.CloneRequest) *pg.Clone {
	t.Helper()
	c, err := place.Clone(t.Context(), r)
	if err != nil {
		t.Fatal(failureText(err))
	}
	t.Cleanup(func() {
		if err := c.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(failureText(err))
		}
	})
	return c
}

func failureText(err error) string {
	f := ops.AsFailure(err)
	return strings.Join(slices.Concat([]string{f.What}, f.Detail, f.State, f.Next), "\n    ")
}

// sameSchema expects the clone to be what its source is.
func sameSchema(t testing.TB, source, clone config.Target) {
	t.Helper()
	take := func(target config.Target) *pg.Snapshot {
		s, err := pg.TakeSnapshot(t.Context(), pgtest.Connect(t, target), pg.SnapshotOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before, after := take(source), take(clone)
	if len(before.Objects) == 0 {
		t.Fatal("the source is empty")
	}
	for _, c := range pg.Flatten(pg.Diff(before, after)) {
		t.Errorf("%s %s\n    source: %s\n    clone:  %s", c.Op, c.Key, c.Before, c.After)
	}
}

func TestAThrowawayServerHoldsACloneOfTheRelease(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	c := makeClone(t, throwaway(), cloneRequest(t, source))
	if c.Name != source.Database || c.Target.Database != source.Database {
		t.Errorf("the clone of %s is called %s", source.Database, c.Name)
	}
	if c.Target.User != source.User || c.Target.Port == source.Port {
		t.Errorf("the clone is %s, of %s", c.Target, source)
	}
	sameSchema(t, source, c.Target)
	if v := value[int](t, c.Target, "SELECT version FROM schema_migrations"); v != 97 {
		t.Errorf("version %d in the clone", v)
	}
	t.Logf("made in %s", c.Took)
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(failureText(err))
	}
	if answers(t, c.Target) {
		t.Error("the server still answers")
	}
}

// managed is a server as managed providers have them: its first superuser is
// theirs, and postgres is an ordinary role.
func managed(t *testing.T) (superuser, ordinary config.Target) {
	t.Helper()
	s := pgtest.StartServer(t, nil)
	first := s.Target("postgres")
	pgtest.Exec(t, first, "CREATE ROLE helper SUPERUSER LOGIN PASSWORD 'x'")
	helper := first
	helper.User, helper.Password = "helper", "x"
	pgtest.Exec(t, helper, `ALTER ROLE postgres RENAME TO "provider""s admin"`)
	superuser, ordinary = first, first
	superuser.User = `provider"s admin`
	pgtest.Exec(t, superuser, `CREATE ROLE postgres LOGIN CREATEDB CREATEROLE PASSWORD 'y'`)
	pgtest.Exec(t, superuser, "CREATE DATABASE app OWNER postgres")
	ordinary.Password, ordinary.Database = "y", "app"
	return superuser.WithDatabase("app"), ordinary
}

func TestAThrowawayServerHasTheRolesOfTheSource(t *testing.T) {
	t.Parallel()
	superuser, source := managed(t)
	pgtest.Exec(t, superuser, `
		CREATE ROLE writers NOLOGIN; CREATE ROLE "Odd ""role" LOGIN NOINHERIT BYPASSRLS CREATEROLE REPLICATION IN ROLE writers;
		CREATE ROLE reader LOGIN; GRANT writers TO reader WITH ADMIN OPTION; GRANT pg_read_all_stats, writers TO postgres;
		ALTER ROLE reader SET search_path = app, "$user"; ALTER ROLE postgres SET statement_timeout = '7s'; ALTER ROLE reader SET no.such = 'x';
		ALTER ROLE postgres IN DATABASE app SET IntervalStyle = 'iso_8601';
		CREATE EXTENSION postgres_fdw; CREATE EXTENSION pgcrypto; GRANT CREATE ON SCHEMA public TO writers`)
	inPlace := superuser
	inPlace.Params = map[string]string{"options": "-c allow_in_place_tablespaces=on"}
	pgtest.Exec(t, inPlace, "CREATE TABLESPACE fast OWNER reader LOCATION ''")
	pgtest.Exec(t, superuser, "GRANT CREATE ON TABLESPACE fast TO postgres, PUBLIC")
	pgtest.Exec(t, source, `CREATE EXTENSION hstore; CREATE TABLE mine (n int PRIMARY KEY USING INDEX TABLESPACE fast) TABLESPACE fast;
		CREATE TABLE shared (n interval DEFAULT '1 day 2 hours', h hstore); ALTER TABLE shared OWNER TO writers;
		GRANT SELECT ON mine TO reader WITH GRANT OPTION`)
	pgtest.Exec(t, superuser, `CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER telling ON sql_drop EXECUTE FUNCTION told()`)

	c := makeClone(t, throwaway(), cloneRequest(t, source))
	sameSchema(t, source, c.Target)
	for _, query := range []string{
		`SELECT string_agg(concat_ws(' ', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconfig::text), E'\n' ORDER BY rolname COLLATE "C")
		   FROM pg_roles WHERE rolname !~ '^(pg_|helper)'`,
		`SELECT string_agg(concat_ws(' ', roleid::regrole, member::regrole, admin_option), E'\n' ORDER BY roleid::regrole::text COLLATE "C", member::regrole::text COLLATE "C") FROM pg_auth_members WHERE roleid >= 16384`,
		`SELECT string_agg(spcname || ' ' || spcowner::regrole, ' ' ORDER BY spcname) FROM pg_tablespace`,
		`SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()`,
		`SELECT pg_get_userbyid(10)::text`, `SELECT current_user::text`, `SHOW is_superuser`, `SHOW statement_timeout`, `SHOW IntervalStyle`,
		`SELECT has_tablespace_privilege('fast', 'CREATE')::text`,
	} {
		if want, got := value[string](t, source, query), value[string](t, c.Target, query); got != want {
			t.Errorf("%s\n    source: %s\n    clone:  %s", query, want, got)
		}
	}
	// A migration that names its database finds it.
	pgtest.Exec(t, c.Target, "ALTER DATABASE app SET geqo = off")
	// What the owner of an extension may do on the source, the owner may do here, and nobody else.
	pgtest.Exec(t, c.Target, "DROP EXTENSION hstore CASCADE")
	conn := pgtest.Connect(t, c.Target)
	if _, err := conn.Exec(t.Context(), "DROP EXTENSION pgcrypto"); err == nil {
		t.Error("an ordinary role drops the superuser's extension")
	}
}

func TestAThrowawayServerNeedsPrograms(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	for name, tt := range map[string]struct {
		o    sandbox.ThrowawayOptions
		says string
	}{
		"none":        {sandbox.ThrowawayOptions{BinDir: t.TempDir(), Backend: sandbox.BackendLocal}, "no PostgreSQL 15 or newer"},
		"no docker":   {sandbox.ThrowawayOptions{BinDir: t.TempDir(), PathEnv: t.TempDir()}, "no Docker engine"},
		"no programs": {sandbox.ThrowawayOptions{Backend: sandbox.BackendDocker, PathEnv: t.TempDir()}, "no PostgreSQL"},
	} {
		c, err := sandbox.ThrowawayPlace(tt.o).Clone(t.Context(), cloneRequest(t, source))
		if err == nil {
			_ = c.Drop(t.Context())
			t.Errorf("%s: it was made", name)
			continue
		}
		if f := ops.AsFailure(err); f.Code != ops.ExitRefused || !strings.Contains(f.What, tt.says) || !strings.Contains(failureText(err), "--rehearse-on same") {
			t.Errorf("%s: exit code %d: %s", name, f.Code, failureText(err))
		}
	}
}

func TestAThrowawayServerNeedsTheExtensions(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	pgtest.Exec(t, source, `CREATE EXTENSION pgcrypto; UPDATE pg_extension SET extname = 'clipsearch' WHERE extname = 'pgcrypto'`)
	_, err := throwaway().Clone(t.Context(), cloneRequest(t, source))
	if f := ops.AsFailure(err); err == nil || f.Code != ops.ExitRefused || !strings.Contains(f.What, "a throwaway server cannot hold a clone") ||
		!strings.Contains(f.What, "extension clipsearch") || !strings.Contains(failureText(err), "--rehearse-on same") {
		t.Errorf("error %v", err)
	}
}

func TestAnInterruptedThrowawayCloneLeavesNoServer(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var at config.Target
	r := cloneRequest(t, source)
	r.Fill = func(ctx context.Context, into config.Target, _ pg.Programs) error {
		at = into
		cancel()
		return ctx.Err()
	}
	_, err := throwaway().Clone(ctx, r)
	if f := ops.AsFailure(err); err == nil || f.Code != ops.ExitInterrupted {
		t.Errorf("error %v", err)
	}
	if at.Port == 0 || answers(t, at.WithDatabase("postgres")) {
		t.Errorf("the server at %s still answers", at)
	}
}

func TestAThrowawayServerInAContainerHoldsAClone(t *testing.T) {
	t.Parallel()
	image := pgtest.Image(t)
	source := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	place := sandbox.ThrowawayPlace(sandbox.ThrowawayOptions{PathEnv: os.Getenv("PATH"), Backend: sandbox.BackendDocker, Image: image})
	c := makeClone(t, place, cloneRequest(t, source))
	sameSchema(t, source, c.Target)
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(failureText(err))
	}
	if answers(t, c.Target) {
		t.Error("the server still answers")
	}
}
