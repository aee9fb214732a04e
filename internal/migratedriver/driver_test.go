package migratedriver_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/migratedriver"
	"github.com/clipper/clipperops/internal/pgtest"
	golangmigrate "github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	dbtesting "github.com/golang-migrate/migrate/v4/database/testing"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

func driver(t testing.TB, target config.Target) *migratedriver.Driver {
	t.Helper()
	d, err := migratedriver.New(t.Context(), target, migratedriver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestConformance is golang-migrate's own test for drivers.
func TestConformance(t *testing.T) {
	t.Parallel()
	opened, err := (&migratedriver.Driver{}).Open(pgtest.New(t).URL().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close() //nolint:errcheck // Drop took what it stands on
	dbtesting.Test(t, opened, []byte("CREATE TABLE demo (id serial PRIMARY KEY, name text);\nINSERT INTO demo (name) VALUES ('a;b');"))
}

// TestLibraryRunsOverTheDriver is golang-migrate's test of a whole run, up and down.
func TestLibraryRunsOverTheDriver(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src, err := iofs.New(fstest.MapFS{
		"1_a.up.sql":   {Data: []byte("CREATE TABLE a (id int);")},
		"1_a.down.sql": {Data: []byte("DROP TABLE a;")},
		"2_b.up.sql":   {Data: []byte("CREATE INDEX CONCURRENTLY a_1 ON a (id); CREATE INDEX CONCURRENTLY a_2 ON a (id);")},
		"2_b.down.sql": {Data: []byte("DROP INDEX CONCURRENTLY a_1; DROP INDEX CONCURRENTLY a_2;")},
	}, ".")
	if err != nil {
		t.Fatal(err)
	}
	m, err := golangmigrate.NewWithInstance("iofs", src, "clipperops", driver(t, target))
	if err != nil {
		t.Fatal(err)
	}
	dbtesting.TestMigrate(t, m)
}

func TestRunIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	d := driver(t, target)
	err := d.Run(strings.NewReader("CREATE TABLE a (id int);\nSELECT nothing;"))
	var failed database.Error
	if !errors.As(err, &failed) || !strings.Contains(failed.OrigErr.Error(), "the migration failed; nothing of it was applied") {
		t.Errorf("%v", err)
	}
	if pgtest.QueryValue[bool](t, target, "SELECT to_regclass('a') IS NOT NULL") {
		t.Error("a part of it stands")
	}
	for body, text := range map[string]string{
		"SELECT 1; COMMIT;": "COMMIT would end the transaction",
		"SELECT '":          "quotation is never closed",
	} {
		if err := d.Run(strings.NewReader(body)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := d.Run(strings.NewReader(" -- nothing\n")); err != nil {
		t.Error(err)
	}
}

// TestShortReadIsNotRun guards against a file cut off by its reader.
func TestShortReadIsNotRun(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	broken := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("CREATE TABLE a (id int);")))
	if err := driver(t, target).Run(broken); err == nil {
		t.Error("no error")
	}
	if pgtest.QueryValue[bool](t, target, "SELECT to_regclass('a') IS NOT NULL") {
		t.Error("a part of it stands")
	}
}

func TestClosingLetsTheLockGo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	d := driver(t, target)
	if err := d.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := d.Lock(); !errors.Is(err, database.ErrLocked) {
		t.Errorf("%v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	other := driver(t, target)
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := other.Unlock(); !errors.Is(err, database.ErrNotLocked) {
		t.Errorf("%v", err)
	}
}

// TestVersionRowIsReadableWhileADumpRuns guards against TRUNCATE, which waits
// behind the ACCESS SHARE of pg_dump.
func TestVersionRowIsReadableWhileADumpRuns(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	d := driver(t, target)
	pgtest.HoldTable(t, target, "schema_migrations", "ACCESS SHARE")
	if err := d.SetVersion(7, false); err != nil {
		t.Fatal(err)
	}
	if version, dirty, err := d.Version(); version != 7 || dirty || err != nil {
		t.Errorf("%d %t %v", version, dirty, err)
	}
}
