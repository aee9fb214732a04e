package migratedriver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	golangmigrate "github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	pgx5 "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// chain is three migrations, up and down.
func chain() fstest.MapFS {
	dir := fstest.MapFS{}
	for i := 1; i <= 3; i++ {
		dir[fmt.Sprintf("00000%d_t.up.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "CREATE TABLE t%d (id int);", i)}
		dir[fmt.Sprintf("00000%d_t.down.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "DROP TABLE t%d;", i)}
	}
	return dir
}

// theirs is golang-migrate's library with its own driver, as its CLI opens it.
func theirs(t testing.TB, target config.Target, dir fs.FS) *golangmigrate.Migrate {
	t.Helper()
	src, err := iofs.New(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	m, err := golangmigrate.NewWithSourceInstance("iofs", src, strings.Replace(target.URL().Reveal(), "postgres://", "pgx5://", 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = m.Close() })
	return m
}

// embedded is its driver as a program opens it that hands over a connection.
func embedded(t testing.TB, target config.Target) database.Driver {
	t.Helper()
	cfg, err := pgx.ParseConfig(target.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	d, err := pgx5.WithInstance(stdlib.OpenDB(*cfg), &pgx5.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// cli is its driver as the CLI opens it.
func cli(t testing.TB, target config.Target) database.Driver {
	t.Helper()
	d, err := (&pgx5.Postgres{}).Open(target.URL().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func ours(t testing.TB, target config.Target, dir fs.FS, plan func(*migrate.Source, migrate.State) (*migrate.Plan, error)) {
	t.Helper()
	src, err := migrate.ReadSource(dir, "chain")
	if err != nil {
		t.Fatal(err)
	}
	state, err := migrate.ReadState(t.Context(), pgtest.Connect(t, target))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan(src, state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), target, p, migrate.Backup{Waived: "a test"}, migrate.Rehearsal{Waived: "a test"}, migrate.ApplyOptions{}); err != nil {
		t.Fatal(err, ops.AsFailure(err).Detail)
	}
}

// TestEitherToolTakesOver: a database one of the two migrated is the other's to go
// on with, up and down.
func TestEitherToolTakesOver(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	up := func(to uint64) {
		t.Helper()
		ours(t, target, chain(), func(src *migrate.Source, s migrate.State) (*migrate.Plan, error) {
			return migrate.PlanUp(src, s, to, nil)
		})
	}
	down := func(to uint64) {
		t.Helper()
		ours(t, target, chain(), func(src *migrate.Source, s migrate.State) (*migrate.Plan, error) {
			return migrate.PlanDown(src, s, to, nil)
		})
	}
	at := func(version uint64) {
		t.Helper()
		m := theirs(t, target, chain())
		if v, dirty, err := m.Version(); err != nil || uint64(v) != version || dirty {
			t.Fatalf("golang-migrate reads version %d, dirty %t, %v; want %d", v, dirty, err, version)
		}
		if n := pgtest.QueryValue[uint64](t, target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^t[0-9]$'"); n != version {
			t.Fatalf("%d tables at version %d", n, version)
		}
	}
	up(1)
	at(1)
	if err := theirs(t, target, chain()).Migrate(2); err != nil {
		t.Fatal(err)
	}
	at(2)
	up(3)
	at(3)
	if err := theirs(t, target, chain()).Steps(-1); err != nil {
		t.Fatal(err)
	}
	down(1)
	at(1)
	if err := theirs(t, target, chain()).Up(); err != nil {
		t.Fatal(err)
	}
	ours(t, target, chain(), func(src *migrate.Source, s migrate.State) (*migrate.Plan, error) {
		return migrate.PlanDownToNone(src, s, nil)
	})
	if _, _, err := theirs(t, target, chain()).Version(); !errors.Is(err, golangmigrate.ErrNilVersion) {
		t.Errorf("%v", err)
	}
	if err := theirs(t, target, chain()).Up(); err != nil {
		t.Fatal(err)
	}
	at(3)
}

// TestDirtyMarksMeanTheSameToBoth, up and down.
func TestDirtyMarksMeanTheSameToBoth(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	dir := chain()
	dir["000002_t.up.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE t2 (id int); SELECT nothing;")}
	if err := theirs(t, target, dir).Up(); err == nil {
		t.Fatal("no error")
	}
	state, err := migrate.ReadState(t.Context(), pgtest.Connect(t, target))
	if err != nil || state.Version != 2 || !state.Dirty || state.Unfinished != nil {
		t.Fatalf("%+v, %v", state, err)
	}
	src, err := migrate.ReadSource(dir, "chain")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.PlanUp(src, state, 3, nil); ops.CodeOf(err) != ops.ExitRefused {
		t.Errorf("%v", err)
	}
	// And ours, of a file that cannot run in a transaction, to golang-migrate.
	pgtest.Exec(t, target, "UPDATE schema_migrations SET version = 1, dirty = false")
	dir["000002_t.up.sql"] = &fstest.MapFile{Data: []byte("CREATE INDEX CONCURRENTLY i ON t1 (id); CREATE INDEX CONCURRENTLY j ON t1 (nothing);")}
	src, err = migrate.ReadSource(dir, "chain")
	if err != nil {
		t.Fatal(err)
	}
	p, err := migrate.PlanUp(src, migrate.State{Schema: "public", Table: true, Rows: 1, Version: 1}, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), target, p, migrate.Backup{Waived: "a test"}, migrate.Rehearsal{Waived: "a test"}, migrate.ApplyOptions{}); err == nil {
		t.Fatal("no error")
	}
	var dirty golangmigrate.ErrDirty
	if err := theirs(t, target, dir).Up(); !errors.As(err, &dirty) || dirty.Version != 2 {
		t.Errorf("%v", err)
	}
}

// TestLocksExcludeEachOther: theirs, for both ways of naming the database, and ours.
func TestLocksExcludeEachOther(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, config.Target) database.Driver{"CLI": cli, "embedded": embedded} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			other := open(t, target)
			if err := other.Lock(); err != nil {
				t.Fatal(err)
			}
			_, err := pg.Lock(t.Context(), target, pg.LockRequest{Application: "clipperops migrate"})
			if ops.CodeOf(err) != ops.ExitBusy {
				t.Errorf("golang-migrate's lock did not keep us out: %v", err)
			}
			if err := other.Unlock(); err != nil {
				t.Fatal(err)
			}
			d := driver(t, target)
			if err := d.Lock(); err != nil {
				t.Fatal(err)
			}
			got := make(chan error, 1)
			go func() { got <- other.Lock() }()
			pgtest.Eventually(t, func() bool {
				return pgtest.QueryValue[bool](t, target, `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
			}, "golang-migrate waits for our lock")
			select {
			case err := <-got:
				t.Fatalf("our lock did not keep golang-migrate out: %v", err)
			default:
			}
			if err := d.Unlock(); err != nil {
				t.Fatal(err)
			}
			if err := <-got; err != nil {
				t.Fatal(err)
			}
			if err := other.Unlock(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestMigratorsAtOnce: theirs, over its driver and over ours, start together; the
// chain is applied once.
func TestMigratorsAtOnce(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src, err := iofs.New(chain(), ".")
	if err != nil {
		t.Fatal(err)
	}
	overOurs, err := golangmigrate.NewWithInstance("iofs", src, "clipperops", driver(t, target))
	if err != nil {
		t.Fatal(err)
	}
	overTheirs := theirs(t, target, chain())
	done := make(chan error, 2)
	for _, m := range []*golangmigrate.Migrate{overOurs, overTheirs} {
		go func() { done <- m.Up() }()
	}
	for range 2 {
		if err := <-done; err != nil && !errors.Is(err, golangmigrate.ErrNoChange) {
			t.Error(err)
		}
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 4 {
		t.Errorf("%d tables", n)
	}
}
