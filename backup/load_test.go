package backup_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func loadOptions(t testing.TB, file string, into config.Target) backup.LoadOptions {
	t.Helper()
	return loadOptionsWith(file, into, programs(t, into))
}

func TestLoadFillsAnEmptyDatabaseAndComparesItsRows(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	ref := create(t, options(t, source))
	into := pgtest.New(t)
	var last ops.Progress
	o := loadOptions(t, ref.Path, into)
	o.Progress = func(p ops.Progress) { last = p }
	r, err := backup.Load(t.Context(), o)
	if err != nil {
		t.Fatal(explain(err))
	}
	if diff := cmp.Diff(schemaOf(t, source), schemaOf(t, into)); diff != "" {
		t.Errorf("(-source +loaded):\n%s", diff)
	}
	if len(r.Tables) < 5 || r.Database.Database != into.Database {
		t.Errorf("%d tables compared in %s", len(r.Tables), r.Database)
	}
	for _, c := range r.Tables {
		if c.Want != c.Got {
			t.Errorf("%s: %d rows, want %d", c.Name, c.Got, c.Want)
		}
	}
	if last.Label != "restore" || last.Done != ref.Manifest.Bytes {
		t.Errorf("the last progress is %+v", last)
	}
}

func TestLoadRefusesADatabaseThatHoldsSomething(t *testing.T) {
	t.Parallel()
	ref := create(t, options(t, pgtest.New(t)))
	into := pgtest.New(t)
	pgtest.Exec(t, into, "CREATE TABLE precious AS SELECT 1 AS n")
	_, err := backup.Load(t.Context(), loadOptions(t, ref.Path, into))
	failed(t, err, ops.ExitRefused, "is not empty")
	if n := pgtest.QueryValue[int](t, into, "SELECT n FROM precious"); n != 1 {
		t.Errorf("the row became %d", n)
	}
}

func TestLoadSaysWhatDiffersFromTheManifest(t *testing.T) {
	t.Parallel()
	file := forge(t, "CREATE TABLE public.t (n int);\nINSERT INTO public.t VALUES (1);\n--\n-- PostgreSQL database dump complete\n--\n",
		func(m *backup.Manifest) { m.Tables = []backup.Table{{Name: "public.t", Rows: 2}} })
	r, err := backup.Load(t.Context(), loadOptions(t, file, pgtest.New(t)))
	failed(t, err, ops.ExitFailed, "public.t has 1 rows, the manifest says 2", "is not to be used")
	if len(r.Tables) != 1 || r.Tables[0].Got != 1 {
		t.Errorf("the comparison is %+v", r.Tables)
	}
}
