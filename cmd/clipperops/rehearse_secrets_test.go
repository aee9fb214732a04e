package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// recorded puts psql and pg_dump first in PATH that write down how they are called, and
// returns where.
func (p *program) recorded() (log string) {
	p.t.Helper()
	log = p.path("calls")
	for _, name := range []string{"psql", "pg_dump"} {
		p.wrap(name, `echo "`+name+` $*" >> '`+log+`'; exec "$REAL" "$@"`)
	}
	// Each wrap put itself before the PATH of this process: both are wanted.
	var dirs []string
	for _, v := range p.env {
		if path, is := strings.CutPrefix(v, "PATH="); is {
			dirs = append(dirs, strings.Split(path, string(os.PathListSeparator))[0])
		}
	}
	p.set("PATH", strings.Join(append(dirs, os.Getenv("PATH")), string(os.PathListSeparator)))
	return log
}

// TestThePasswordOfTheRehearsalServerIsShownNowhere: not by what the program says, in
// success and in failure, not in reports and ledger, not in the arguments of what it starts.
func TestThePasswordOfTheRehearsalServerIsShownNowhere(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.Target("postgres"), "CREATE ROLE "+pgx.Identifier{p.target.User}.Sanitize()+" LOGIN SUPERUSER PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
	url := server.Target("postgres")
	url.User, url.Password = p.target.User, config.Secret(password)
	calls := p.recorded()
	p.set("REHEARSE_ON", url.URL().Reveal())

	for _, args := range []string{
		"config show", "config show --output json", "migrate rehearse", "migrate --dry-run", "migrate --report r.html --report r.json", "scratch list", "scratch list --output json", "scratch prune",
		"rollback --target 10 --rehearse-only --output json", "rollback --target 10 --rehearse data", "history", "history --output json",
	} {
		text := p.says(args + " --verbose")
		clean(t, args, text)
		if strings.Contains(args, "re") && strings.Contains(text, "not rehearsed") {
			t.Fatalf("%s did not rehearse:\n%s", args, text)
		}
	}
	p.wantVersion(10)
	wrong := p.in(t)
	url.Password = config.Secret(canary + "!")
	wrong.set("REHEARSE_ON", url.URL().Reveal())
	for _, args := range []string{"migrate --skip-backup", "migrate rehearse", "migrate --dry-run", "migrate --skip-backup --output json", "scratch list", "scratch prune", "config show"} {
		clean(t, "a refused "+args, wrong.says(args+" --verbose"))
	}
	bad := p.in(t)
	bad.set("REHEARSE_ON", "postgres://u:"+canary+"@h:port:1/db?sslmode=maybe")
	for _, args := range []string{"migrate", "config show", "scratch list"} {
		clean(t, "a place that is not one: "+args, bad.says(args))
	}
	clean(t, "a flag that is not a place", p.wants(ops.ExitUsage, "migrate --rehearse-on mysql://u:"+canary+"@h/db"))

	written := contents(t, calls)
	for _, program := range []string{"psql", "pg_dump"} {
		if !strings.Contains(written, program+" ") {
			t.Errorf("%s was not called:\n%s", program, written)
		}
	}
	clean(t, "the arguments of psql and pg_dump", written)
	for _, path := range p.files() {
		clean(t, path, contents(t, path))
	}
	for _, table := range pgtest.QueryColumn[string](t, p.target, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'clipperops'::regnamespace AND relkind = 'r'") {
		clean(t, table, pgtest.QueryValue[string](t, p.target, "SELECT coalesce(string_agg(t::text, E'\n'), '') FROM "+table+" t"))
	}
	if found, _ := filepath.Glob(p.path("reports", "*.json")); len(found) < 2 {
		t.Errorf("reports to look into: %q", found)
	}
}

// TestThePasswordOfTheTargetIsShownNowhereWhileRehearsing, also where the clone is on a
// throwaway server that has the target's role.
func TestThePasswordOfTheTargetIsShownNowhereWhileRehearsing(t *testing.T) {
	t.Parallel()
	p := withCanary(t)
	calls := p.recorded()
	for _, args := range []string{
		"migrate rehearse --rehearse-on local --output json", "migrate rehearse --rehearse data", "migrate --rehearse-on local --report r.html",
		"rollback --target 10 --output json --report r.json", "scratch list",
	} {
		clean(t, args, p.says(args+" --verbose"))
	}
	p.wantVersion(10)
	clean(t, "the arguments of psql and pg_dump", contents(t, calls))
	for _, path := range p.files() {
		clean(t, path, contents(t, path))
	}
}
