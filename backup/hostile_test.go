package backup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against a dump that runs shell commands as whoever restores it: its
// sha256 lies beside it and proves nothing against one who can write there.
func TestADumpCannotRunCommandsOnThisMachine(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	for name, head := range map[string]string{
		"bare":                     "",
		"under a key of its own":   "\\restrict KEY\n",
		"after leaving it":         "\\restrict KEY\n\nCREATE TABLE public.a ();\n\\unrestrict KEY\n",
		"behind a statement":       "SELECT 1 ",
		"between parts of a table": "CREATE TABLE public.a (\n",
	} {
		for _, old := range []bool{false, true} {
			ran := filepath.Join(t.TempDir(), "ran")
			o := restoreOptions(t, forge(t, head+"\\! touch "+ran+"\n;\n"+completeTail, nil), source)
			if old {
				o.Programs.Psql.Minor, o.Programs.Psql.Major = 0, 15
			}
			_, err := backup.Restore(t.Context(), o)
			failed(t, err, ops.ExitRefused, "psql", o.File)
			if _, err := os.Stat(ran); err == nil {
				t.Errorf("%s (old psql: %v): the command ran", name, old)
			}
			gone(t, o)
		}
	}
}

// Guards against the watch over an older psql refusing what real dumps hold.
func TestAnOlderPsqlTakesARealDump(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithModeration())
	pgtest.Exec(t, source, `CREATE VIEW v AS SELECT 'a\b' AS a, $$it's$$ AS b; COMMENT ON VIEW v IS E'two\nlines -- /* "';
		CREATE TABLE "odd ""name" ("begin" int, t text); INSERT INTO "odd ""name" VALUES (1, E'\\! id\n\\.\n')`)
	o := restoreOptions(t, create(t, options(t, source)).Path, source)
	o.Programs.Psql.Major, o.Programs.Psql.Minor = 15, 0
	restore(t, o)
}

// Guards against backups that others can replace without anybody noticing.
func TestADirectoryThatOthersCanWriteIsWarnedOf(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	file := forge(t, completeTail, nil)
	dir := filepath.Dir(file)
	for mode, want := range map[os.FileMode]ops.Status{0o700: ops.StatusPass, 0o755: ops.StatusPass, 0o775: ops.StatusWarn, 0o777: ops.StatusWarn} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		o := restoreOptions(t, file, source)
		o.Into = newDatabase(t, source, fmt.Sprintf("%s_%o", source.Database, mode))
		r := restore(t, o)
		if got := r.Results[0]; got.Status != want || want == ops.StatusWarn && got.Fix != "chmod go-w "+dir {
			t.Errorf("mode %o: %+v", mode, got)
		}
	}
}

// Guards against advice that commits half a database: psql takes the end of a
// damaged file for the end of the script, and a name with a space for two.
func TestTheCommandThatIsSuggestedWithoutAManifestRestoresAllOrNothing(t *testing.T) {
	t.Parallel()
	into := pgtest.New(t)
	file := forge(t, "CREATE TABLE public.t (n int);\n"+strings.Repeat("-- "+strings.Repeat("padding ", 4000)+"\n", 8)+completeTail, nil)
	if err := os.Remove(backup.ManifestPath(file)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(file), "it's here")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(dir, "db $(id).sql.gz")
	if err := os.Rename(file, moved); err != nil {
		t.Fatal(err)
	}
	_, err := backup.Restore(t.Context(), restoreOptions(t, moved, pgtest.New(t)))
	failed(t, err, ops.ExitRefused, "no manifest")
	_, command, _ := strings.Cut(ops.AsFailure(err).Next[0], ": ")
	run := func() ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(command, "NEWDB", into.Database))
		cmd.Env = append(os.Environ(), into.Environ()...)
		return cmd.CombinedOutput()
	}
	whole, err := os.ReadFile(moved)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(moved, whole[:len(whole)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	const made = "SELECT to_regclass('public.t') IS NOT NULL"
	if out, err := run(); err == nil || pgtest.QueryValue[bool](t, into, made) {
		t.Errorf("half a file was restored: %v\n%s\n%s", err, command, out)
	}
	if err := os.WriteFile(moved, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(); err != nil || !pgtest.QueryValue[bool](t, into, made) {
		t.Errorf("a whole file was not restored: %v\n%s\n%s", err, command, out)
	}
}
