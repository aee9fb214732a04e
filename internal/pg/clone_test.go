package pg_test

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
)

// clonePrograms are this machine's client programs.
func clonePrograms(t testing.TB) pg.Programs {
	t.Helper()
	p, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func cloneRequest(t testing.TB, source config.Target) pg.CloneRequest {
	t.Helper()
	return pg.CloneRequest{
		Source: source, Run: ulid.Make().String(), Application: "clipperops migrate (alice@ops1)", Programs: clonePrograms(t),
		Rows: [][2]string{{"public", "schema_migrations"}, {"clipperops", "no_such_table"}},
	}
}

// makeClone makes a clone that is dropped at the end of the test.
func makeClone(t testing.TB, place pg.ClonePlace, r pg.CloneRequest) *pg.Clone {
	t.Helper()
	c, err := place.Clone(t.Context(), r)
	if err != nil {
		t.Fatal(explainFailure(err))
	}
	t.Cleanup(func() {
		if err := c.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(explainFailure(err))
		}
	})
	return c
}

func explainFailure(err error) string {
	f := ops.AsFailure(err)
	return strings.Join(slices.Concat([]string{f.What}, f.Detail, f.State, f.Next), "\n    ")
}

func databaseExists(t testing.TB, name string) bool {
	t.Helper()
	return pgtest.QueryValue[bool](t, pgtest.Shared(t), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name)
}

// sameSchema expects the clone to be what its source is.
func sameSchema(t testing.TB, source, clone config.Target, o pg.SnapshotOptions) {
	t.Helper()
	before := takeSnapshot(t, pgtest.Connect(t, source), o)
	after := takeSnapshot(t, pgtest.Connect(t, clone), o)
	if len(before.Objects) == 0 {
		t.Fatal("the source is empty")
	}
	for _, c := range pg.Flatten(pg.Diff(before, after)) {
		t.Errorf("%s %s\n    source: %s\n    clone:  %s", c.Op, c.Key, c.Before, c.After)
	}
}

func TestCloneOfTheReleaseIsTheSameInEveryObject(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithModeration())
	r := cloneRequest(t, source)
	c := makeClone(t, pg.SameServer(source), r)
	sameSchema(t, source, c.Target, pg.SnapshotOptions{})
	if c.Name != pg.ScratchName(r.Run) || c.Target.Database != c.Name {
		t.Errorf("the clone of run %s is %s", r.Run, c.Name)
	}
	if v := pgtest.QueryValue[int](t, c.Target, "SELECT version FROM schema_migrations"); v != 97 {
		t.Errorf("version %d in the clone", v)
	}
	if n := pgtest.QueryValue[int](t, c.Target, "SELECT count(*) FROM users"); n != 0 {
		t.Errorf("%d rows in a clone of the schema", n)
	}
	t.Logf("made in %s", c.Took)
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(explainFailure(err))
	}
	if databaseExists(t, c.Name) {
		t.Error("the clone is still there")
	}
}

func TestCloneOfEverythingIsTheSameInEveryObject(t *testing.T) {
	t.Parallel()
	source, other := newWorld(t)
	r := cloneRequest(t, source)
	c := makeClone(t, pg.SameServer(source), r)
	sameSchema(t, source, c.Target, pg.SnapshotOptions{})
	for _, query := range []string{
		"SELECT version::text || dirty FROM public.schema_migrations",
		"SHOW search_path", "SHOW work_mem", "SHOW app.flavour",
		"SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'm' AND relispopulated",
		"SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()",
		"SELECT string_agg(acl::text, ' ' ORDER BY acl::text) FROM pg_database, unnest(datacl) acl WHERE datname = current_database()",
		"SELECT datcollate || datctype || encoding FROM pg_database WHERE datname = current_database()",
	} {
		want, got := pgtest.QueryValue[string](t, source, query), pgtest.QueryValue[string](t, c.Target, query)
		if got != want {
			t.Errorf("%s is %q on the clone, %q on the source", query, got, want)
		}
	}
	if got := pgtest.QueryValue[string](t, c.Target, "SHOW synchronous_commit"); got != "off" {
		t.Errorf("synchronous_commit is %s on the clone", got)
	}
	if !pgtest.QueryValue[bool](t, c.Target, "SELECT has_database_privilege($1, current_database(), 'CONNECT WITH GRANT OPTION')", other.User) {
		t.Error("the grant on the database did not come over")
	}
	for _, w := range c.Warnings {
		if w != "wal_level is insufficient to publish logical changes" {
			t.Errorf("warning: %s", w)
		}
	}
}

// What is left out of a clone holds nobody up: not its locks, not its owners, not what is
// granted there.
func TestCloneWithoutASchema(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.AsRole())
	super := pgtest.Shared(t).WithDatabase(source.Database)
	pgtest.Exec(t, super, "CREATE SCHEMA theirs; CREATE TABLE theirs.t (n int); CREATE FUNCTION theirs.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE theirs.e AS ENUM ('a')")
	pgtest.Exec(t, source, "CREATE TABLE ours (n int)")
	pgtest.HoldTable(t, super, "theirs.t", "ACCESS EXCLUSIVE")
	r := cloneRequest(t, source)
	r.Without = []string{"theirs"}
	clone := makeClone(t, pg.SameServer(source), r)
	if got := pgtest.QueryColumn[string](t, clone.Target, "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384"); !slices.Equal(got, []string{"ours"}) {
		t.Errorf("the clone has %q", got)
	}
}
