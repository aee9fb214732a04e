package preflight_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/preflight"
	"github.com/clipper/clipperops/release"
)

// chain are the versions that have a file.
var chain = []uint64{10, 11, 49, 50, 69, 97}

// situation is the Input of a healthy run against target, as the runbook fills it.
func situation(t *testing.T, target config.Target) preflight.Input {
	t.Helper()
	conn, err := pg.Connect(t.Context(), target, pg.ConnOptions{Application: "preflight test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	server, err := pg.Describe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	state, err := stateOf(t, conn)
	return preflight.Input{
		Environment: config.Staging, Target: target,
		Conn: conn, Server: server, Release: release.Moderation(),
		Source: "backend/migrations", Versions: chain, State: state, StateErr: err,
	}
}

func stateOf(t *testing.T, conn *pgx.Conn) (preflight.State, error) {
	t.Helper()
	s := preflight.State{Schema: "public", Version: -1}
	err := conn.QueryRow(t.Context(), `SELECT to_regclass('public.schema_migrations') IS NOT NULL`).Scan(&s.Table)
	if err == nil && s.Table {
		err = conn.QueryRow(t.Context(), `
			SELECT count(*), coalesce(max(version), -1), coalesce(bool_or(dirty), false) FROM public.schema_migrations`).Scan(&s.Rows, &s.Version, &s.Dirty)
	}
	return s, err
}

// at returns a Clipper database whose schema and version are those of version.
func at(t *testing.T, version uint64, opts ...pgtest.Option) config.Target {
	t.Helper()
	target := pgtest.New(t, append([]pgtest.Option{pgtest.WithClipper()}, opts...)...)
	files, err := fs.Glob(migrations.FS, "*.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	for n, v := range chain {
		if v == 10 || v > version {
			continue
		}
		body, err := fs.ReadFile(migrations.FS, files[n])
		if err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, target, string(body))
		pgtest.Exec(t, target, `UPDATE schema_migrations SET version = $1`, int64(v))
	}
	return target
}

// look runs one check.
func look(t *testing.T, in preflight.Input, id string) ops.Result {
	t.Helper()
	for _, c := range preflight.Checks(in) {
		if c.ID == id {
			return c.Evaluate(t.Context())
		}
	}
	t.Fatalf("there is no check %s", id)
	return ops.Result{}
}

// expect runs one check and compares its status and summary, of which want is a part.
func expect(t *testing.T, in preflight.Input, id string, status ops.Status, want string) ops.Result {
	t.Helper()
	r := look(t, in, id)
	if r.Status != status || !strings.Contains(r.Summary, want) {
		t.Errorf("%s: %s %q (fix %q, evidence %v), want %s with %q", id, r.Status, r.Summary, r.Fix, r.Evidence, status, want)
	}
	if r.Status == ops.StatusWarn || r.Status == ops.StatusFail {
		if r.Fix == "" || len(r.Evidence) == 0 && r.Err == nil {
			t.Errorf("%s: a finding needs evidence and a fix: %+v", id, r)
		}
	}
	return r
}

// shows fails unless the evidence, joined, has every one of the texts.
func shows(t *testing.T, r ops.Result, texts ...string) {
	t.Helper()
	var all strings.Builder
	for _, f := range r.Evidence {
		all.WriteString(f.Name + ": " + f.Value + "\n")
	}
	for _, text := range texts {
		if !strings.Contains(all.String(), text) {
			t.Errorf("%s: no %q in the evidence\n%s", r.ID, text, all.String())
		}
	}
}

// advises fails unless the fix has the text.
func advises(t *testing.T, r ops.Result, text string) {
	t.Helper()
	if !strings.Contains(r.Fix, text) {
		t.Errorf("%s: the fix is %q, want %q in it", r.ID, r.Fix, text)
	}
}

// nobody is a role of the database that may do nothing.
func nobody(t *testing.T, target config.Target) config.Target {
	t.Helper()
	return pgtest.NewRole(t, "").WithDatabase(target.Database)
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
