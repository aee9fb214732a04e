package pg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// noClone expects that no clone is made, for a reason that says all of that, and
// that nothing is left of it.
func noClone(t testing.TB, place pg.ClonePlace, r pg.CloneRequest, code ops.ExitCode, says ...string) {
	t.Helper()
	c, err := place.Clone(t.Context(), r)
	if err == nil {
		_ = c.Drop(context.WithoutCancel(t.Context()))
		t.Fatal("it was made")
	}
	text := explainFailure(err)
	f := ops.AsFailure(err)
	if f.Code != code {
		t.Errorf("exit code %d, want %d: %s", f.Code, code, text)
	}
	if len(f.State) == 0 || len(f.Next) == 0 {
		t.Errorf("the failure says neither what is true now nor what to do: %s", text)
	}
	for _, s := range says {
		if !strings.Contains(text, s) {
			t.Errorf("the failure does not say %q: %s", s, text)
		}
	}
	if databaseExists(t, pg.ScratchName(r.Run)) {
		t.Error("a scratch database is left")
	}
}

func TestCloneIsRefusedToARoleThatMayNotCreateDatabases(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.AsRole())
	pgtest.Exec(t, pgtest.Shared(t), `ALTER ROLE "`+source.User+`" NOCREATEDB`)
	noClone(t, pg.SameServer(source), cloneRequest(t, source), ops.ExitRefused,
		"may not create databases", `ALTER ROLE "`+source.User+`" CREATEDB;`, "--rehearse-on local")
}

func TestCloneAsAnOrdinaryRole(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	pgtest.Exec(t, pgtest.Shared(t), `ALTER ROLE "`+source.User+`" CREATEDB`)
	c := makeClone(t, pg.SameServer(source), cloneRequest(t, source))
	before := takeSnapshot(t, pgtest.Connect(t, source), pg.SnapshotOptions{})
	after := takeSnapshot(t, pgtest.Connect(t, c.Target), pg.SnapshotOptions{})
	for _, change := range pg.Flatten(pg.Diff(before, after)) {
		// An extension belongs to whom creates it, and no statement changes that.
		if change.Kind != pg.KindOwner || !strings.HasPrefix(change.Name, "extension ") {
			t.Errorf("%s %s\n    source: %s\n    clone:  %s", change.Op, change.Key, change.Before, change.After)
		}
	}
}

func TestCloneNeedsASuperuserForWhatOnlyOneCanMake(t *testing.T) {
	t.Parallel()
	other := pgtest.NewRole(t, "")
	source := pgtest.New(t, pgtest.AsRole())
	pgtest.Exec(t, pgtest.Shared(t), `ALTER ROLE "`+source.User+`" CREATEDB`)
	superuser := pgtest.Shared(t).WithDatabase(source.Database)
	pgtest.Exec(t, superuser, `CREATE EXTENSION postgres_fdw; CREATE EXTENSION hstore; CREATE FOREIGN DATA WRAPPER w;
		CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
		CREATE EVENT TRIGGER telling ON sql_drop EXECUTE FUNCTION told(); CREATE PUBLICATION everything FOR ALL TABLES;
		CREATE TABLE hers (n int); ALTER TABLE hers OWNER TO "`+other.User+`"`)
	noClone(t, pg.SameServer(source), cloneRequest(t, source), ops.ExitRefused,
		"extension postgres_fdw can be created by a superuser alone", "event trigger telling", "publication everything of all tables", "foreign data wrapper w",
		"may not give "+other.User, `GRANT "`+other.User+`" TO "`+source.User+`";`, "may not give postgres", "--rehearse-on local")
}

func TestCloneIsRefusedWhereAnExtensionIsMissing(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	pgtest.Exec(t, source, `CREATE EXTENSION pgcrypto; UPDATE pg_extension SET extname = 'clipsearch' WHERE extname = 'pgcrypto'`)
	noClone(t, pg.SameServer(source), cloneRequest(t, source), ops.ExitRefused, "extension clipsearch is not installed there")
}

func TestCloneIsRefusedWhereAnExtensionOfThePlanIsMissing(t *testing.T) {
	t.Parallel()
	if why := pg.RefuseWanted("clipsearch"); !strings.Contains(why, "extension clipsearch, which the migration creates, is not installed there") {
		t.Errorf("an extension that is not there: %q", why)
	}
	if why := pg.RefuseWanted("hstore", "1.4"); why != "" {
		t.Errorf("one that is there: %q", why)
	}
	// One that the source does not offer either fails in the rehearsal, as it would
	// fail on the target.
	source := pgtest.New(t)
	r := cloneRequest(t, source)
	r.Extensions = []string{"hstore", "clipsearch"}
	makeClone(t, pg.OtherServer(pgtest.Shared(t)), r)
}

// Guards against a schema that runs commands in the shell of whoever rehearses,
// with a psql that has no restricted mode.
func TestCloneWithAnOldPsql(t *testing.T) {
	t.Parallel()
	old := func(r pg.CloneRequest) pg.CloneRequest {
		r.Programs.Psql.Major, r.Programs.Psql.Minor = 15, 1
		return r
	}
	plain := pgtest.New(t, pgtest.WithModeration())
	c := makeClone(t, pg.SameServer(plain), old(cloneRequest(t, plain)))
	sameSchema(t, plain, c.Target, pg.SnapshotOptions{})

	source, _ := newWorld(t)
	noClone(t, pg.SameServer(source), old(cloneRequest(t, source)), ops.ExitRefused, "may run commands on this machine", "psql of August 2025 or newer")
}

func TestCloneHasTheExtensionsInTheirVersions(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	pgtest.Exec(t, source, `CREATE SCHEMA "Ext"; CREATE EXTENSION hstore SCHEMA "Ext" VERSION '1.4';
		CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS 'BEGIN
CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA "Ext";
END'`)
	c := makeClone(t, pg.SameServer(source), cloneRequest(t, source))
	sameSchema(t, source, c.Target, pg.SnapshotOptions{})
	if v := pgtest.QueryValue[string](t, c.Target, "SELECT extversion FROM pg_extension WHERE extname = 'hstore'"); v != "1.4" {
		t.Errorf("hstore is %s on the clone", v)
	}
}

func TestCloneSaysWhichStatementThePlaceDoesNotTake(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	// A dump is restored without a search path, in which the inner name is not found.
	pgtest.Exec(t, source, `CREATE FUNCTION inner_one(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n';
		CREATE FUNCTION outer_one(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT inner_one(n)';
		CREATE TABLE t (n int); CREATE INDEX t_outer ON t (outer_one(n))`)
	noClone(t, pg.SameServer(source), cloneRequest(t, source), ops.ExitRefused,
		"function inner_one(integer) does not exist (42883)", "CREATE INDEX t_outer", "--rehearse-on local", "what was begun of the clone was dropped")
}

func TestCloneGivesUpWaitingForATableAndNamesTheHolder(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	held := pgtest.HoldTable(t, source, "users", "ACCESS EXCLUSIVE")
	r := cloneRequest(t, source)
	r.LockWait = 300 * time.Millisecond
	noClone(t, pg.SameServer(source), r, ops.ExitFailed, "a table is locked", "pgtest holder", "pg_terminate_backend")
	held.Release()
	makeClone(t, pg.SameServer(source), r)
}

func TestCloneSaysWhatMayNotBeRead(t *testing.T) {
	t.Parallel()
	other := pgtest.NewRole(t, "")
	source := pgtest.New(t, pgtest.AsRole())
	// A member that does not inherit may give away what it may not read.
	pgtest.Exec(t, pgtest.Shared(t).WithDatabase(source.Database), `CREATE TABLE hers (n int); ALTER TABLE hers OWNER TO "`+other.User+`";
		ALTER ROLE "`+source.User+`" NOINHERIT; GRANT "`+other.User+`" TO "`+source.User+`"`)
	noClone(t, pg.SameServer(source), cloneRequest(t, source), ops.ExitFailed, "permission denied for table hers", `GRANT pg_read_all_data TO "`+source.User+`";`)
}

func TestCloneIsRefusedByAStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartServer(t, nil)
	standby := pgtest.Standby(t, primary)
	source := primary.Target("postgres")
	noClone(t, pg.OtherServer(standby.Target("postgres")), cloneRequest(t, source), ops.ExitRefused, "it is a standby")
}

func TestCloneIsRefusedByAnOlderServerAndOneWithoutTheLocale(t *testing.T) {
	t.Parallel()
	if why := pg.RefuseVersions(150018, 140003); !strings.Contains(why, "older than the target's") {
		t.Errorf("a clone of 15 on 14: %q", why)
	}
	if why := pg.RefuseVersions(150018, 160001); why != "" {
		t.Errorf("a clone of 15 on 16: %q", why)
	}
	shared := pgtest.Shared(t)
	for _, l := range []pg.Locale{
		{Encoding: "UTF8", Collate: "tlh_KX.utf8", CType: "tlh_KX.utf8", Provider: "libc"},
		{Encoding: "LATIN1", Collate: "C.UTF-8", CType: "C.UTF-8", Provider: "libc"},
	} {
		conn := pgtest.Connect(t, shared)
		_, err := conn.Exec(t.Context(), l.CreateDatabase("never_made", 15))
		if err == nil {
			t.Fatal("the database was made")
		}
		f := pg.CreateFailure(l, err)
		if f.Code != ops.ExitRefused || !strings.Contains(f.What, "does not have the locale "+l.Collate) || !strings.Contains(strings.Join(f.Next, "\n"), "--rehearse-on local") {
			t.Errorf("%+v", f)
		}
	}
}

// elsewhere is another server, with the roles that are given.
func elsewhere(t testing.TB, settings map[string]string, sql string) config.Target {
	t.Helper()
	s := pgtest.StartServer(t, settings)
	if sql != "" {
		pgtest.Exec(t, s.Target("postgres"), sql)
	}
	return s.Target("postgres")
}

func TestOtherServerHoldsAClone(t *testing.T) {
	t.Parallel()
	source, role := newWorld(t)
	pgtest.Exec(t, source, `CREATE TABLE bounds (at timestamptz) PARTITION BY RANGE (at);
		CREATE TABLE bounds_1 PARTITION OF bounds FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`)
	other := elsewhere(t, map[string]string{"timezone": "Asia/Tokyo", "datestyle": "SQL, DMY"}, "")
	place := pg.OtherServer(other)
	noClone(t, place, cloneRequest(t, source), ops.ExitRefused, "the role "+role.User, "is missing there", `CREATE ROLE "`+role.User+`";`, "--rehearse-on local")

	pgtest.Exec(t, other, `CREATE ROLE "`+role.User+`"`)
	c := makeClone(t, place, cloneRequest(t, source))
	sameSchema(t, source, c.Target, pg.SnapshotOptions{})
	for _, name := range []string{"TimeZone", "DateStyle", "search_path"} {
		want, got := pgtest.QueryValue[string](t, source, "SHOW "+name), pgtest.QueryValue[string](t, c.Target, "SHOW "+name)
		if got != want {
			t.Errorf("%s is %q on the clone, %q on the source", name, got, want)
		}
	}
	if c.Target.Port != other.Port || c.Place != place.String() {
		t.Errorf("the clone is %s, at %s", c.Target, c.Place)
	}
}

func TestOtherServerIsNotReachedByAPsqlInAContainer(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	r := cloneRequest(t, source)
	r.Programs.Psql.Container = &pg.Container{Name: "db1"}
	noClone(t, pg.OtherServer(source), r, ops.ExitRefused, "psql runs in container db1")
}
