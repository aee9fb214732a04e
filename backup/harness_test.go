package backup_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/pgzip"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// patience is far longer than anything here takes on a busy machine.
const patience = time.Minute

// programs are this machine's client programs for the test server.
func programs(t testing.TB, target config.Target) pg.Programs {
	t.Helper()
	major := pgtest.QueryValue[int](t, target, "SELECT current_setting('server_version_num')::int / 10000")
	p, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{ServerMajor: major, PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options(t testing.TB, target config.Target) backup.Options {
	t.Helper()
	return backup.Options{
		Target: target, Dir: filepath.Join(t.TempDir(), "backups"), Programs: programs(t, target),
		Application: "clipperops backup (alice@ops1)", Version: "1.0.0", Environment: config.Staging, Operator: "alice",
	}
}

func create(t testing.TB, o backup.Options) backup.Ref {
	t.Helper()
	ref, err := backup.Create(t.Context(), o)
	if err != nil {
		t.Fatal(explain(err))
	}
	return ref
}

// large fills a table with about 4 MB, so that there is a middle of the dump.
func large(t testing.TB, target config.Target) {
	t.Helper()
	pgtest.Exec(t, target, "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 8) AS text FROM generate_series(1, 15000) n")
}

// newDatabase is the target of a database that does not exist yet, dropped at
// the end of the test.
func newDatabase(t testing.TB, target config.Target, name string) config.Target {
	t.Helper()
	made := target.WithDatabase(name)
	t.Cleanup(func() {
		conn, err := pg.Connect(context.WithoutCancel(t.Context()), pgtest.Shared(t), pg.ConnOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()); err != nil {
			t.Error(err)
		}
	})
	return made
}

// restoreOptions restore into a database named after the source.
func restoreOptions(t testing.TB, file string, source config.Target) backup.RestoreOptions {
	t.Helper()
	return backup.RestoreOptions{
		File: file, Into: newDatabase(t, source, source.Database+"_r"), Programs: programs(t, pgtest.Shared(t)),
		Application: "clipperops backup restore (alice@ops1)",
	}
}

// failed expects a *ops.Failure with that exit code whose text says all of that.
func failed(t testing.TB, err error, code ops.ExitCode, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it succeeded")
	}
	f := ops.AsFailure(err)
	text := explain(err)
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
}

func explain(err error) string {
	f := ops.AsFailure(err)
	return strings.Join(slices.Concat([]string{f.What}, f.Detail, f.State, f.Next), "\n    ")
}

// empty expects a directory without a file.
func empty(t testing.TB, dir string) {
	t.Helper()
	if names := filesIn(t, dir); len(names) > 0 {
		t.Errorf("%s holds %q", dir, names)
	}
}

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func unzipped(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := pgzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	sql, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(sql)
}

// forge makes a backup of that SQL, with the manifest a real one has.
func forge(t testing.TB, sql string, change func(*backup.Manifest)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db-20260213-031502.sql.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	gz := pgzip.NewWriter(io.MultiWriter(f, h))
	if _, err := io.WriteString(gz, sql); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m := backup.Manifest{
		Schema: backup.ManifestSchema, File: filepath.Base(path), SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: info.Size(),
		RawBytes: int64(len(sql)), ServerVersionNum: 120000, ServerVersion: "12.0",
		Locale: pg.Locale{Encoding: "UTF8", Collate: "C", CType: "C", Provider: "libc"},
	}
	if change != nil {
		change(&m)
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup.ManifestPath(path), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// script is a program that wraps a real one: $REAL is its path.
func script(t testing.TB, real pg.Program, body string) pg.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), real.Name)
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nREAL=%s\n%s\n", real.Path, body), 0o700); err != nil {
		t.Fatal(err)
	}
	real.Path = path
	return real
}

// eventually waits for a condition, asking again and again.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// databaseExists asks the shared server.
func databaseExists(t testing.TB, name string) bool {
	t.Helper()
	return pgtest.QueryValue[bool](t, pgtest.Shared(t), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name)
}
