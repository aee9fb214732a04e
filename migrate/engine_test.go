package migrate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

var (
	noBackup    = migrate.Backup{Waived: "a test"}
	noRehearsal = migrate.Rehearsal{Waived: "a test"}
)

// files makes a directory of migrations out of name → SQL. A name without
// extension gets .up.sql, and a down file beside it that does nothing.
func files(bodies map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, body := range bodies {
		if strings.Contains(name, ".") {
			fsys[name] = &fstest.MapFile{Data: []byte(body)}
			continue
		}
		fsys[name+".up.sql"] = &fstest.MapFile{Data: []byte(body)}
		if _, ok := bodies[name+".down.sql"]; !ok {
			fsys[name+".down.sql"] = &fstest.MapFile{Data: []byte("SELECT 1;")}
		}
	}
	return fsys
}

func source(t testing.TB, bodies map[string]string) *migrate.Source {
	t.Helper()
	src, err := migrate.ReadSource(files(bodies), "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func state(t testing.TB, target config.Target) migrate.State {
	t.Helper()
	return stateOver(t, pgtest.Connect(t, target))
}

func stateOver(t testing.TB, conn *pgx.Conn) migrate.State {
	t.Helper()
	s, err := migrate.ReadState(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recordIn opens a ledger for the test.
func recordIn(t testing.TB, target config.Target) migrate.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), pgtest.Connect(t, target))
	if err != nil {
		t.Fatal(err)
	}
	return migrate.RecordIn(l, "run "+t.Name())
}

// up plans and applies everything up to version.
func up(t testing.TB, target config.Target, src *migrate.Source, version uint64, o migrate.ApplyOptions) (*migrate.Applied, error) {
	t.Helper()
	return upWith(t.Context(), t, target, src, version, o)
}

func upWith(ctx context.Context, t testing.TB, target config.Target, src *migrate.Source, version uint64, o migrate.ApplyOptions) (*migrate.Applied, error) {
	t.Helper()
	p, err := migrate.PlanUp(src, state(t, target), version, nil)
	if err != nil {
		t.Fatal(show(err))
	}
	return migrate.Apply(ctx, target, p, noBackup, noRehearsal, o)
}

func down(t testing.TB, target config.Target, src *migrate.Source, version uint64, o migrate.ApplyOptions) (*migrate.Applied, error) {
	t.Helper()
	p, err := migrate.PlanDown(src, state(t, target), version, nil)
	if err != nil {
		t.Fatal(show(err))
	}
	return migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, o)
}

func must(t testing.TB) func(*migrate.Applied, error) *migrate.Applied {
	return func(a *migrate.Applied, err error) *migrate.Applied {
		t.Helper()
		if err != nil {
			t.Fatal(show(err))
		}
		return a
	}
}

// show is a failure as an operator reads it.
func show(err error) string {
	f := ops.AsFailure(err)
	if f == nil {
		return "no error"
	}
	lines := []string{f.What}
	for _, part := range [][]string{f.Detail, f.State, f.Next} {
		for _, l := range part {
			lines = append(lines, "    "+l)
		}
	}
	return strings.Join(lines, "\n")
}

// failure is err as a Failure with that exit code, and holds each of the texts.
func failure(t testing.TB, err error, code ops.ExitCode, texts ...string) *ops.Failure {
	t.Helper()
	var f *ops.Failure
	if !errors.As(err, &f) {
		t.Fatalf("no failure: %v", err)
	}
	if got := ops.CodeOf(err); got != code {
		t.Errorf("exit code %d, want %d:\n%s", got, code, show(err))
	}
	for _, text := range texts {
		if !strings.Contains(show(err), text) {
			t.Errorf("%q is not in:\n%s", text, show(err))
		}
	}
	return f
}

// at checks version and dirty mark.
func at(t testing.TB, target config.Target, version int64, dirty bool) {
	t.Helper()
	s := state(t, target)
	if s.Version != version || s.Dirty != dirty {
		t.Errorf("the database is at %s, want version %d, dirty %t", s, version, dirty)
	}
}

// exists checks whether each relation is there.
func exists(t testing.TB, target config.Target, want bool, relations ...string) {
	t.Helper()
	for _, r := range relations {
		if got := pgtest.QueryValue[bool](t, target, "SELECT to_regclass($1) IS NOT NULL", r); got != want {
			t.Errorf("%s exists: %t, want %t", r, got, want)
		}
	}
}

// schema is everything a failed file might have left.
func schema(t testing.TB, target config.Target) []string {
	t.Helper()
	return pgtest.QueryColumn[string](t, target, `
		SELECT format('%s %s %s', c.relkind, n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
		UNION ALL
		SELECT format('column %s %s', a.attrelid::regclass, a.attname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		 WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
		ORDER BY 1`)
}

// events collects what Apply tells.
type events struct {
	mu  sync.Mutex
	all []migrate.Event
	// on is called with each event, outside the lock.
	on func(migrate.Event)
}

func (e *events) take(event migrate.Event) {
	e.mu.Lock()
	e.all = append(e.all, event)
	e.mu.Unlock()
	if e.on != nil {
		e.on(event)
	}
}

func (e *events) texts(kind migrate.EventKind) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, event := range e.all {
		if event.Kind == kind {
			out = append(out, event.Text)
		}
	}
	return out
}

func TestApplyGoesUpAndDown(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{
		"000001_a.up.sql":   "CREATE TABLE a (id int); INSERT INTO a VALUES (1);",
		"000001_a.down.sql": "DROP TABLE a;",
		"000005_b.up.sql":   "BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\n",
		"000005_b.down.sql": "DROP TABLE b;",
	})
	var seen events
	applied := must(t)(up(t, target, src, 5, migrate.ApplyOptions{OnEvent: seen.take}))
	if len(applied.Files) != 2 || applied.Files[1].Attempts != 1 || applied.State.Version != 5 {
		t.Errorf("%+v", applied)
	}
	at(t, target, 5, false)
	exists(t, target, true, "a", "b")
	if diff := cmp.Diff([]string{"000001 applied", "000005 applied"}, seen.texts(migrate.FileDone)); diff != "" {
		t.Error(diff)
	}
	must(t)(down(t, target, src, 1, migrate.ApplyOptions{}))
	at(t, target, 1, false)
	exists(t, target, false, "b")
	p, err := migrate.PlanDownToNone(src, state(t, target), nil)
	if err != nil {
		t.Fatal(err)
	}
	must(t)(migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, migrate.ApplyOptions{}))
	if s := state(t, target); s.Rows != 0 || s.Version != -1 || s.Dirty {
		t.Errorf("%+v", s)
	}
}

func TestFileFailingInItsThirdStatementLeavesNothing(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{
		"000001_a": "CREATE TABLE a (id int);",
		"000002_b": "-- é\nCREATE TABLE b (id int);\nINSERT INTO a VALUES (1);\nCREATE TABLE c (\n  id int REFERENCES userz(id));\nCREATE TABLE d (id int);",
	})
	must(t)(up(t, target, src, 1, migrate.ApplyOptions{}))
	before := schema(t, target)
	_, err := up(t, target, src, 2, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed,
		"000002_b.up.sql failed; nothing of it was applied", "line 5: ERROR relation \"userz\" does not exist (42P01)",
		"        id int REFERENCES userz(id));\n"+strings.Repeat(" ", 26)+"^",
		"the database is at version 1, clean; no file was completed in this run", "mend the file and run the same command again")
	var file *migrate.FileError
	if !errors.As(err, &file) || file.Statement != 2 {
		t.Errorf("%+v", file)
	}
	if diff := cmp.Diff(before, schema(t, target)); diff != "" {
		t.Error(diff)
	}
	at(t, target, 1, false)
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM a"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}
