package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
)

// canary, which no other test uses, is looked for wherever a password must not be; the password around it has
// what URLs, connection strings, .env files, shells and SQL each take for their own.
const (
	canary   = "k4n4r13nv0g3l"
	password = `it's ` + canary + ` \"$HOME" p@ss:w/rd?#%41&=€;--`
)

// withCanary gives the role of a database that password.
func withCanary(t *testing.T) *program {
	t.Helper()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	pgtest.Exec(t, pgtest.Shared(t), "ALTER ROLE "+pgx.Identifier{target.User}.Sanitize()+" CREATEDB PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
	target.Password = config.Secret(password)
	return newProgram(t, target)
}

// clean checks that the canary is not in a text.
func clean(t *testing.T, where, text string) {
	t.Helper()
	if at := strings.Index(text, canary); at >= 0 {
		t.Errorf("the password is in %s: …%s…", where, text[max(0, at-100):min(len(text), at+50)])
	}
}

// TestNoSecretIsShownOrKept: not in what the program says, in success and in
// failure, nor in the reports, the backups, the archives and the ledger.
func TestNoSecretIsShownOrKept(t *testing.T) {
	t.Parallel()
	p := withCanary(t)
	wrong := newProgram(t, p.target)
	wrong.unset("DATABASE_URL")
	for name, value := range map[string]string{"HOST": p.target.Host, "PORT": fmt.Sprint(p.target.Port), "USER": p.target.User, "PASSWORD": canary + "!", "NAME": p.target.Database, "SSLMODE": "disable"} {
		wrong.set("DB_"+name, value)
	}
	wrong.wants(ops.ExitChecks, "preflight", "password")
	for _, args := range []string{"preflight", "migrate", "backup", "rollback --target 10", "config show", "migrate --output json", "history"} {
		clean(t, "a refused "+args, wrong.says(args+" --verbose"))
	}
	for _, args := range []string{
		"config show", "preflight --report preflight.html --report preflight.xml", "migrate status", "migrate --dry-run --sql", "backup",
		"migrate --report migrate.txt --report migrate.md", "validate", "rollback --target 10 --dry-run", "rollback --target 9",
		"rollback --target 10", "migrate --output json --skip-backup", "rollback --target 10 --output json --skip-backup", "history", "history --output json", "backup list", "checks",
	} {
		clean(t, args, p.says(args+" --verbose"))
	}
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	clean(t, "a failed migrate", p.wants(ops.ExitFailed, "migrate --verbose --skip-backup --lock-timeout 50ms --lock-retry-for 200ms"))
	held.Release()
	dump := p.wantBackups("db-*.sql.gz", 3)[0]
	clean(t, "a restore", p.wants(ops.ExitDone, "backup restore --verbose "+dump+" --into "+p.target.Database+"_r"))
	pgtest.Exec(t, pgtest.Shared(t), "DROP DATABASE "+pgx.Identifier{p.target.Database + "_r"}.Sanitize())

	for _, path := range append(p.files(), wrong.files()...) {
		clean(t, path, contents(t, path))
	}
	for _, table := range pgtest.QueryColumn[string](t, p.target, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'clipperops'::regnamespace AND relkind = 'r'") {
		clean(t, table, pgtest.QueryValue[string](t, p.target, "SELECT coalesce(string_agg(t::text, E'\n'), '') FROM "+table+" t"))
	}
	if p.ledgerRows() < 5 {
		t.Errorf("%d runs are recorded, in which to look", p.ledgerRows())
	}
}

// contents is what a file holds, unpacked; "" of a directory.
func contents(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		return ""
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func(r io.Reader, err error) string {
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return string(text)
	}
	switch filepath.Ext(path) {
	case ".gz":
		return read(gzip.NewReader(bytes.NewReader(body)))
	case ".zip":
		archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		text := ""
		for _, f := range archive.File {
			text += read(f.Open())
		}
		return text
	}
	return string(body)
}

// TestNoSecretIsInTheArgumentsOfAProcess, which every user of the machine can
// read, nor in what the server tells other roles of the session.
func TestNoSecretIsInTheArgumentsOfAProcess(t *testing.T) {
	t.Parallel()
	p := withCanary(t)
	held := pgtest.HoldTable(t, p.target, "comments", "ACCESS EXCLUSIVE")
	r := p.start("migrate")
	r.awaitBlocked(p, "pg_dump%")
	running := arguments(t)
	if !strings.Contains(running, "pg_dump") {
		t.Fatalf("pg_dump is not among the processes:\n%s", running)
	}
	clean(t, "the list of processes", running)
	clean(t, "pg_stat_activity", pgtest.QueryValue[string](t, p.asSuperuser(),
		"SELECT string_agg(query || application_name, E'\n') FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"))
	held.Release()
	clean(t, "migrate", r.wants(ops.ExitDone))
}

// arguments are the command lines of all processes of this machine.
func arguments(t *testing.T) string {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	if len(files) == 0 {
		out, err := exec.Command("ps", "-axww", "-o", "command").CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	all := ""
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		all += strings.ReplaceAll(string(body), "\x00", " ") + "\n"
	}
	return all
}

// TestAPasswordMayHaveAnyCharacter, wherever it comes from.
func TestAPasswordMayHaveAnyCharacter(t *testing.T) {
	t.Parallel()
	p := withCanary(t)
	p.unset("DATABASE_URL")
	t.Run("in a URL", func(t *testing.T) {
		p := p.in(t)
		p.set("DATABASE_URL", p.target.URL().Reveal())
		p.wants(ops.ExitDone, "backup")
	})
	place := map[string]string{"HOST": p.target.Host, "PORT": fmt.Sprint(p.target.Port), "USER": p.target.User, "NAME": p.target.Database, "SSLMODE": "disable"}
	t.Run("in the environment", func(t *testing.T) {
		p := p.in(t)
		for name, value := range place {
			p.set("DB_"+name, value)
		}
		p.set("DB_PASSWORD", password)
		p.wants(ops.ExitDone, "backup")
	})
	t.Run("in a .env file", func(t *testing.T) {
		p := p.in(t)
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(password)
		text := `DB_PASSWORD="` + quoted + "\"\n"
		for name, value := range place {
			text += "DB_" + name + "=" + value + "\n"
		}
		p.write(p.path("some.env"), text)
		p.wants(ops.ExitDone, "backup --env-file some.env")
	})
	t.Run("in a pgpass file", func(t *testing.T) {
		p := p.in(t)
		for name, value := range place {
			p.set("DB_"+name, value)
		}
		p.write(p.path(".pgpass"), "*:*:*:*:"+strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(password)+"\n")
		p.wants(ops.ExitDone, "backup")
	})
}
