package backup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestABackupHasItsNameItsManifestAndEveryRow(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, target, `
		CREATE SCHEMA clipperops; CREATE TABLE clipperops.runs AS SELECT generate_series(1, 3) AS id;
		CREATE TABLE "Odd ""name""" (n int); INSERT INTO "Odd ""name""" VALUES (1);
		CREATE TABLE parted (n int) PARTITION BY RANGE (n);
		CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1), (2);
		CREATE UNLOGGED TABLE hasty AS SELECT 1 AS n;
		CREATE TABLE child (more int) INHERITS (hasty); INSERT INTO child VALUES (2, 3);
		CREATE VIEW v AS SELECT 1 AS n; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS n; CREATE SEQUENCE s`)
	o := options(t, target)
	o.Now = func() time.Time { return time.Date(2026, 2, 13, 4, 15, 2, 0, time.FixedZone("CET", 3600)) }
	ref := create(t, o)

	if want := filepath.Join(o.Dir, "db-20260213-031502.sql.gz"); ref.Path != want {
		t.Errorf("path %s, want %s (UTC)", ref.Path, want)
	}
	if diff := cmp.Diff([]string{"db-20260213-031502.json", "db-20260213-031502.sql.gz"}, filesIn(t, o.Dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for path, want := range map[string]os.FileMode{ref.Path: 0o600, ref.ManifestPath: 0o600, o.Dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v; want %o", path, info.Mode(), err, want)
		}
	}
	sql := unzipped(t, ref.Path)
	if !strings.Contains(sql, "CREATE SCHEMA clipperops") {
		t.Error("the ledger is not in the dump")
	}
	m, err := backup.ReadManifest(ref.Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ref.Manifest, *m); diff != "" {
		t.Errorf("the manifest written differs from the one returned (-returned +written):\n%s", diff)
	}
	if m.RawBytes != int64(len(sql)) || m.SHA256 == "" || m.ServerVersionNum < 120000 || m.ClientVersion == "" || m.Locale.Encoding != "UTF8" {
		t.Errorf("manifest %+v", m)
	}
	if m.Operator != "alice" || m.Environment != "staging" || m.Clipperops != "1.0.0" || m.Database != target.RedactedURL() {
		t.Errorf("manifest says who and what wrongly: %+v", m)
	}
	if m.SchemaVersion == nil || *m.SchemaVersion != 10 || m.Dirty {
		t.Errorf("schema version %v, dirty %v; want 10, clean", m.SchemaVersion, m.Dirty)
	}
	rows := map[string]int64{}
	for _, table := range m.Tables {
		rows[table.Name] = table.Rows
	}
	for _, name := range []string{"users", "clips", "comments", "clip_submissions", "schema_migrations"} {
		if want := pgtest.QueryValue[int64](t, target, "SELECT count(*) FROM "+name); rows["public."+name] != want || want == 0 {
			t.Errorf("%s: %d rows in the manifest, %d in the table", name, rows["public."+name], want)
		}
		delete(rows, "public."+name)
	}
	want := map[string]int64{"clipperops.runs": 3, `public."Odd ""name"""`: 1, "public.parted_1": 2, "public.hasty": 1, "public.child": 1}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows of the other tables (-want +got):\n%s", diff)
	}
}

func TestNoSecretIsSeenInTheListOfProcessesOrTheManifest(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	large(t, target)
	o := options(t, target)
	var once sync.Once
	var seen string
	o.Progress = func(ops.Progress) {
		once.Do(func() {
			out, err := exec.Command("ps", "-axww", "-o", "args").Output()
			if err != nil {
				t.Error(err)
			}
			seen = string(out)
		})
	}
	ref := create(t, o)
	if !strings.Contains(seen, "--lock-wait-timeout=") {
		t.Error("pg_dump was not seen")
	}
	manifest, err := os.ReadFile(ref.ManifestPath)
	if err != nil {
		t.Fatal(err)
	}
	if p := target.Password.Reveal(); strings.Contains(seen, p) || strings.Contains(string(manifest), p) {
		t.Error("the password is in the list of processes or in the manifest")
	}
}

// Guards against one backup overwriting another that was taken in the same second.
func TestBackupsTakenInTheSameSecondDoNotCollide(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE t AS SELECT 1 AS n")
	o := options(t, target)
	o.Now = func() time.Time { return time.Date(2026, 2, 13, 3, 15, 58, 0, time.UTC) }
	create(t, o)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := backup.Create(t.Context(), o); err != nil {
				t.Error(explain(err))
			}
		})
	}
	both.Wait()
	entries, err := backup.List(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s", e.Name, e.Status))
	}
	want := []string{"db-20260213-031600.sql.gz complete", "db-20260213-031559.sql.gz complete", "db-20260213-031558.sql.gz complete"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("backups (-want +got):\n%s", diff)
	}
}

func TestProgressIsInBytesAndNeverBeyondItsTotal(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	large(t, target)
	o := options(t, target)
	var last ops.Progress
	o.Progress = func(p ops.Progress) {
		if p.Unit == ops.UnitBytes && (p.Done < last.Done || p.Total < p.Done || p.Label != "pg_dump") {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
	}
	create(t, o)
	if last.Total < 1<<20 {
		t.Errorf("estimated total %d", last.Total)
	}
}

func TestWhatPgDumpWarnsOfIsInTheManifest(t *testing.T) {
	t.Parallel()
	o := options(t, pgtest.New(t))
	o.Programs.Dump = script(t, o.Programs.Dump, `
echo "pg_dump: warning: there are circular foreign-key constraints on this table:" >&2
echo "pg_dump: detail: comments" >&2
exec "$REAL" "$@"`)
	want := []string{"there are circular foreign-key constraints on this table:", "detail: comments"}
	if diff := cmp.Diff(want, create(t, o).Manifest.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestADatabaseMayHaveAnyName(t *testing.T) {
	t.Parallel()
	name := pgtest.New(t).Database + ` host=nowhere "o'dd` // pg_dump would read this in its arguments as settings
	target := newDatabase(t, pgtest.Shared(t), name)
	pgtest.Exec(t, pgtest.Shared(t), `CREATE DATABASE "`+strings.ReplaceAll(name, `"`, `""`)+`"`)
	pgtest.Exec(t, target, "CREATE TABLE t AS SELECT 1 AS n")
	if rows := create(t, options(t, target)).Manifest.Rows(); rows != 1 {
		t.Errorf("%d rows", rows)
	}
}

func TestOptionsThatCannotWorkAreRefusedBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	good := backup.Options{Target: config.Target{Database: "d"}, Dir: filepath.Join(t.TempDir(), "never")}
	good.Programs.Dump.Path = "pg_dump"
	for says, spoil := range map[string]func(*backup.Options){
		"no database":         func(o *backup.Options) { o.Target.Database = "" },
		"no backup directory": func(o *backup.Options) { o.Dir = "" },
		"no pg_dump":          func(o *backup.Options) { o.Programs.Dump.Path = "" },
	} {
		o := good
		spoil(&o)
		_, err := backup.Create(t.Context(), o)
		failed(t, err, ops.ExitUsage, says)
	}
	empty(t, good.Dir)
}

func TestAPgDumpOlderThanTheServerIsRefused(t *testing.T) {
	t.Parallel()
	o := options(t, pgtest.New(t))
	o.Programs.Dump.Major, o.Programs.Dump.Version = 11, "11.22"
	_, err := backup.Create(t.Context(), o)
	failed(t, err, ops.ExitUsage, "pg_dump 11.22", "too old")
	empty(t, o.Dir)
}

var nameOfDump = regexp.MustCompile(`^db-\d{8}-\d{6}\.sql\.gz$`)

func TestTheDefaultClockNamesTheBackup(t *testing.T) {
	t.Parallel()
	if name := filepath.Base(create(t, options(t, pgtest.New(t))).Path); !nameOfDump.MatchString(name) {
		t.Errorf("name %q", name)
	}
}
