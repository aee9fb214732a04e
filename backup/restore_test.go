package backup_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func restore(t testing.TB, o backup.RestoreOptions) backup.Restored {
	t.Helper()
	r, err := backup.Restore(t.Context(), o)
	if err != nil {
		t.Fatal(explain(err))
	}
	return r
}

// schemaOf is what pg_dump writes of a database, without its random keys.
func schemaOf(t testing.TB, target config.Target) string {
	t.Helper()
	out, err := programs(t, target).Dump.Command(t.Context(), target, "--no-password").Output()
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestARestoredDatabaseIsTheOneThatWasSaved(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, source, `CREATE SCHEMA clipperops; CREATE TABLE clipperops.runs AS SELECT generate_series(1, 3) AS id;
		CREATE TABLE awkward (t text); INSERT INTO awkward VALUES ('\restrict x'), (E'two\nlines'), ('\.'), ('é''"'), (NULL);
		CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '
\restrict x
\unrestrict x
' $f$`)
	ref := create(t, options(t, source))
	o := restoreOptions(t, ref.Path, source)
	var labels []string
	o.Progress = func(p ops.Progress) {
		if p.Done > p.Total || p.Unit != ops.UnitBytes {
			t.Errorf("progress %+v", p)
		}
		labels = append(labels, p.Label)
	}
	r := restore(t, o)

	if diff := cmp.Diff(schemaOf(t, source), schemaOf(t, r.Database)); diff != "" {
		t.Errorf("the restored database differs (-saved +restored):\n%s", diff)
	}
	var ids []string
	for _, result := range r.Results {
		if result.Status != ops.StatusPass || result.Title == "" || result.Summary == "" {
			t.Errorf("result %+v", result)
		}
		ids = append(ids, result.ID)
	}
	if diff := cmp.Diff([]string{"backup.sha256", "backup.restore", "backup.rows", "backup.version"}, ids); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if len(r.Tables) != len(ref.Manifest.Tables) || r.Database.Database != o.Into.Database || r.Took == 0 || len(r.Warnings) > 0 {
		t.Errorf("restored %+v", r)
	}
	for _, table := range r.Tables {
		if table.Want != table.Got {
			t.Errorf("%+v", table)
		}
	}
	if len(labels) == 0 || labels[0] != "verify" {
		t.Errorf("progress of %q", labels)
	}
	if comment := pgtest.QueryValue[*string](t, r.Database, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"); comment != nil {
		t.Errorf("the database is still marked %q", *comment)
	}
}

// Guards against counts taken beside the dump: rows come in all the time.
func TestTheManifestsRowsAreThoseOfTheDumpsOwnSnapshot(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	large(t, source)
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	conn := pgtest.Connect(t, source)
	writer.Go(func() {
		for ctx.Err() == nil {
			if _, err := conn.Exec(t.Context(), "INSERT INTO large VALUES (0, 'late')"); err != nil {
				t.Error(err)
				return
			}
		}
	})
	ref := create(t, options(t, source))
	stop()
	writer.Wait()
	if now := pgtest.QueryValue[int64](t, source, "SELECT count(*) FROM large"); now <= ref.Manifest.Rows() {
		t.Fatalf("nothing was written meanwhile: %d rows", now)
	}
	restore(t, restoreOptions(t, ref.Path, source))
}

func TestEncodingAndLocaleAreThoseOfTheSource(t *testing.T) {
	t.Parallel()
	locales := []string{"ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"}
	if pgtest.QueryValue[bool](t, pgtest.Shared(t), "SELECT current_setting('server_version_num')::int >= 150000 AND EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')") {
		locales = append(locales, "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de'")
	}
	for _, locale := range locales {
		name := pgtest.New(t).Database + "_l"
		source := newDatabase(t, pgtest.Shared(t), name)
		pgtest.Exec(t, pgtest.Shared(t), "CREATE DATABASE "+name+" TEMPLATE template0 "+locale)
		pgtest.Exec(t, source, "CREATE TABLE t AS SELECT 'né'::text AS t")
		ref := create(t, options(t, source))
		restored := restore(t, restoreOptions(t, ref.Path, source)).Database
		for _, column := range []string{"pg_encoding_to_char(encoding)::text", "datcollate::text", "to_jsonb(d)->>'datlocprovider'", "coalesce(to_jsonb(d)->>'daticulocale', to_jsonb(d)->>'datlocale')"} {
			question := "SELECT coalesce(" + column + ", '') FROM pg_database d WHERE datname = current_database()"
			want, got := pgtest.QueryValue[string](t, source, question), pgtest.QueryValue[string](t, restored, question)
			if got != want {
				t.Errorf("%s: %s is %q, want %q", locale, column, got, want)
			}
		}
		if got := pgtest.QueryValue[string](t, restored, "SELECT t FROM t"); got != "né" {
			t.Errorf("%s: text %q", locale, got)
		}
	}
}

func TestAnExistingDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	ref := create(t, options(t, source))
	o := restoreOptions(t, ref.Path, source)
	o.Into = pgtest.New(t)
	pgtest.Exec(t, o.Into, "CREATE TABLE precious (n int)")
	_, err := backup.Restore(t.Context(), o)
	failed(t, err, ops.ExitRefused, "exists already", o.Into.Database)
	pgtest.Exec(t, o.Into, "SELECT FROM precious")
}

// Guards against lines that a psql from before August 2025 takes for an invalid
// command, and against taking too much away.
func TestAnOlderPsqlIsNotShownRestrict(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	pgtest.Exec(t, source, `CREATE TABLE t AS SELECT '\restrict x'::text AS t;
		CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '
\restrict x
\unrestrict x
SET transaction_timeout = 0;
' $f$`)
	ref := create(t, options(t, source))
	if !strings.Contains(unzipped(t, ref.Path), "\n\\restrict ") {
		return // this machine's pg_dump does not write them yet
	}
	o := restoreOptions(t, ref.Path, source)
	seen := filepath.Join(t.TempDir(), "seen.sql")
	o.Programs.Psql = script(t, o.Programs.Psql, `tee `+seen+` | "$REAL" "$@"`)
	o.Programs.Psql.Minor = 0
	r := restore(t, o)
	got, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(got), "\n\\restrict ") != 1 || strings.Count(string(got), "\n\\unrestrict ") != 1 {
		t.Errorf("psql was shown\n%s", got)
	}
	if diff := cmp.Diff(schemaOf(t, source), schemaOf(t, r.Database)); diff != "" {
		t.Errorf("the restored database differs (-saved +restored):\n%s", diff)
	}
}

// Guards against a dump by pg_dump 17 or newer, which no older server takes as it is.
func TestADumpByANewerPgDumpGoesIntoAnOlderServer(t *testing.T) {
	t.Parallel()
	file := forge(t, `--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';

CREATE TABLE public.t (n integer);

--
-- PostgreSQL database dump complete
--
`, func(m *backup.Manifest) { m.Tables = []backup.Table{{Name: "public.t"}} })
	restore(t, restoreOptions(t, file, pgtest.New(t)))
}

func TestTheDumpIsStillWhatPeopleAndScriptsKnow(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	ref := create(t, options(t, source))
	if out, err := exec.Command("gunzip", "-t", ref.Path).CombinedOutput(); err != nil {
		t.Errorf("gunzip -t: %v %s", err, out)
	}
}
