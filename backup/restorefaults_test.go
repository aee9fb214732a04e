package backup_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// gone expects neither the database nor its unfinished form.
func gone(t testing.TB, o backup.RestoreOptions) {
	t.Helper()
	for _, name := range []string{o.Into.Database, o.Into.Database + "_unfinished"} {
		if databaseExists(t, name) {
			t.Errorf("the database %s exists", name)
		}
	}
}

const completeTail = "\n--\n-- PostgreSQL database dump complete\n--\n"

func TestAFileThatIsNotWhatItsManifestSaysIsNotRestored(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	for says, spoil := range map[string]func(path string) error{
		"sha256": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o600)
		},
		"bytes long":              func(path string) error { return os.Truncate(path, 100) },
		"there is no file":        os.Remove,
		"cannot be verified":      func(path string) error { return os.Remove(backup.ManifestPath(path)) },
		"cannot be read":          func(path string) error { return os.WriteFile(backup.ManifestPath(path), []byte("{"), 0o600) },
		`"clipperops/backup/v9"`:  func(path string) error { return rewrite(path, "clipperops/backup/v1", "clipperops/backup/v9") },
		`speaks of "db-other.gz"`: func(path string) error { return rewrite(path, filepath.Base(path), "db-other.gz") },
	} {
		file := forge(t, strings.Repeat("-- padding\n", 1000)+completeTail, nil)
		if err := spoil(file); err != nil {
			t.Fatal(err)
		}
		o := restoreOptions(t, file, source)
		_, err := backup.Restore(t.Context(), o)
		failed(t, err, ops.CodeOf(err), says)
		if ops.CodeOf(err) == ops.ExitDone {
			t.Errorf("%s: exit code 0", says)
		}
		gone(t, o)
	}
}

// rewrite changes a text in a dump's manifest.
func rewrite(dump, from, to string) error {
	data, err := os.ReadFile(backup.ManifestPath(dump))
	if err != nil {
		return err
	}
	return os.WriteFile(backup.ManifestPath(dump), []byte(strings.ReplaceAll(string(data), from, to)), 0o600)
}

// Guards against psql committing whatever it got when its input ends early, and
// going on after an error.
func TestADumpThatCannotBeRestoredWholeIsNotRestoredAtAll(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	for says, sql := range map[string]string{
		"ends before its time":          "CREATE TABLE public.t (n int);\n",
		`relation "nowhere"`:            "CREATE TABLE public.t (n int);\nSELECT * FROM nowhere;\nCREATE TABLE public.u (n int);\n" + completeTail,
		`CREATE ROLE "nobody_here"`:     "CREATE TABLE public.t (n int);\nALTER TABLE public.t OWNER TO nobody_here;\n" + completeTail,
		"transaction_timeout":           "CREATE TABLE public.t (n int);\nSET transaction_timeout_ = 0;\n" + completeTail,
		"the restored database differs": "CREATE TABLE public.t (n int);\n" + completeTail,
	} {
		o := restoreOptions(t, forge(t, sql, nil), source)
		_, err := backup.Restore(t.Context(), o)
		failed(t, err, ops.ExitFailed, says, "there is no database "+o.Into.Database)
		gone(t, o)
	}
}

func TestRowsThatDifferAreNamedTableByTable(t *testing.T) {
	t.Parallel()
	version := int64(11)
	sql := `CREATE TABLE public.a AS SELECT 1 AS n;
CREATE TABLE public.b AS SELECT 1 AS n;
CREATE TABLE public.extra (n int);
` + completeTail
	o := restoreOptions(t, forge(t, sql, func(m *backup.Manifest) {
		m.Tables = []backup.Table{{Name: "public.a", Rows: 1}, {Name: "public.b", Rows: 2}, {Name: "public.lost", Rows: 3}}
	}), pgtest.New(t))
	r, err := backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitFailed, "public.b has 1 rows, the manifest says 2", "public.lost is missing", "public.extra is not in the manifest")
	want := []backup.Comparison{{Name: "public.a", Want: 1, Got: 1}, {Name: "public.b", Want: 2, Got: 1}, {Name: "public.extra", Want: -1, Got: 0}, {Name: "public.lost", Want: 3, Got: -1}}
	if diff := cmp.Diff(want, r.Tables); diff != "" {
		t.Errorf("comparison (-want +got):\n%s", diff)
	}
	if last := r.Results[len(r.Results)-1]; last.ID != "backup.rows" || last.Status != ops.StatusFail || len(last.Evidence) != 3 || last.Fix == "" {
		t.Errorf("result %+v", last)
	}
	gone(t, o)

	o.File = forge(t, completeTail, func(m *backup.Manifest) { m.SchemaVersion = &version })
	_, err = backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitFailed, "the schema's version is none, the manifest says 11, clean")
	gone(t, o)
}

func TestCtrlCDropsWhatWasBegun(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	large(t, source)
	ref := create(t, options(t, source))
	for _, label := range []string{"verify", "restore"} {
		o := restoreOptions(t, ref.Path, source)
		ctx, cancel := context.WithCancel(t.Context())
		o.Progress = func(p ops.Progress) {
			if p.Label == label {
				cancel()
			}
		}
		_, err := backup.Restore(ctx, o)
		cancel()
		failed(t, err, ops.ExitInterrupted, "interrupted while restoring", "the backup file is as it was")
		gone(t, o)
	}
}

// Guards against a half restored database under the name asked for: psql commits
// when a killed clipperops closes its input.
func TestAKilledRestoreLeavesNothingOfThatNameAndTheNextClearsUp(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	// More than the readers hold, compressed: psql is busy when the file has been read.
	pgtest.Exec(t, source, `CREATE TABLE random AS SELECT n, (SELECT string_agg(md5(random()::text || n || i), '') FROM generate_series(1, 40) i)
		FROM generate_series(1, 6000) n`)
	ref := create(t, options(t, source))
	o := restoreOptions(t, ref.Path, source)
	unfinished := o.Into.Database + "_unfinished"
	run := helperOn(t, "restoring", ref.Path, o.Into)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "rows are being restored", func() bool {
		return pgtest.QueryValue[bool](t, pgtest.Shared(t), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY %')", unfinished)
	})

	busy := o
	_, err := backup.Restore(t.Context(), busy)
	failed(t, err, ops.ExitBusy, "another restore into "+o.Into.Database)

	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait() // killed
	if databaseExists(t, o.Into.Database) {
		t.Error("the killed run left a database of that name")
	}
	eventually(t, "the killed run's lock is gone", func() bool {
		_, err = backup.Restore(t.Context(), o)
		return ops.CodeOf(err) != ops.ExitBusy
	})
	if err != nil {
		t.Fatal(explain(err))
	}
	if databaseExists(t, unfinished) {
		t.Error("the unfinished database is still there")
	}
}

func TestWhatTheServerOrTheRoleCannotDo(t *testing.T) {
	t.Parallel()
	role := pgtest.NewRole(t, "")
	o := restoreOptions(t, forge(t, completeTail, nil), pgtest.New(t))
	o.Into.User, o.Into.Password = role.User, role.Password
	_, err := backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitFailed, "permission denied to create database", "CREATEDB")

	o = restoreOptions(t, forge(t, completeTail, func(m *backup.Manifest) { m.Locale.Collate, m.Locale.CType = "xx_XX.utf8", "xx_XX.utf8" }), pgtest.New(t))
	_, err = backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitFailed, "xx_XX.utf8", "locale -a")

	o.File = forge(t, completeTail, func(m *backup.Manifest) { m.ServerVersionNum, m.ServerVersion = 990001, "99.1" })
	_, err = backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitRefused, "99.1", "version 99 or newer")
	gone(t, o)
}

func TestTwoRestoresIntoDifferentNamesRunSideBySide(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	ref := create(t, options(t, source))
	var both sync.WaitGroup
	for _, suffix := range []string{"_1", "_2"} {
		o := restoreOptions(t, ref.Path, source)
		o.Into = newDatabase(t, source, source.Database+suffix)
		both.Go(func() {
			if _, err := backup.Restore(t.Context(), o); err != nil {
				t.Error(explain(err))
			}
		})
	}
	both.Wait()
}

func TestNamesThatTheServerWouldCutAreRefused(t *testing.T) {
	t.Parallel()
	o := backup.RestoreOptions{File: "db-20260213-031502.sql.gz"}
	o.Programs.Psql.Path = "psql"
	o.Into.Database = strings.Repeat("x", 64)
	_, err := backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitUsage, "longer than 63 bytes")
}
