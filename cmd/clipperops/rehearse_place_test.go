package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// wantClonedOn checks where a run rehearsed, and that the rehearsal was whole.
func wantClonedOn(t *testing.T, p *program, args, place string) {
	t.Helper()
	d := p.wantsDocument(ops.ExitDone, args)
	wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass, "a clone on "+place)
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	if r := rehearsalOf(t, d); r.Place != place {
		t.Errorf("%s: the place is %q, want %q", args, r.Place, place)
	}
}

const (
	sameServer = "the target's own server"
	throwaway  = "a throwaway server"
)

// TestProductionIsRehearsedOnAThrowawayServer unless it is told otherwise: by a flag, by
// the environment, by clipperops.yaml, in this order. Nothing is made on production's own
// server unasked.
func TestProductionIsRehearsedOnAThrowawayServer(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	p.set("ENVIRONMENT", "production")
	d := p.wantsDocument(ops.ExitDone, "migrate --yes --skip-backup")
	wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass, "a clone on "+throwaway)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wantVersion(97)

	wantClonedOn(t, p, "rollback --target 10 --rehearse-only --rehearse-on same", sameServer)
	p.write(p.path("clipperops.yaml"), "environments:\n  production:\n    rehearse: {on: same}\n  staging:\n    rehearse: {on: local}\n")
	wantClonedOn(t, p, "rollback --target 10 --rehearse-only", sameServer)
	wantClonedOn(t, p, "rollback --target 10 --rehearse-only --env staging", throwaway)
	p.set("REHEARSE_ON", "local")
	wantClonedOn(t, p, "rollback --target 10 --rehearse-only", throwaway)
	wantClonedOn(t, p, "rollback --target 10 --rehearse-only --rehearse-on same", sameServer)
	p.wantNoScratch()
}

// TestOtherEnvironmentsAreRehearsedOnTheirOwnServer.
func TestOtherEnvironmentsAreRehearsedOnTheirOwnServer(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	for _, environment := range []string{"staging", "development"} {
		wantClonedOn(t, p, "migrate rehearse --env "+environment, sameServer)
	}
	wantClonedOn(t, p, "migrate rehearse --rehearse-on local", throwaway)
}

// rehearsalServer is a server of its own with a role that may rehearse there, and its URL.
func rehearsalServer(t *testing.T, role string) (server *sandbox.Server, url config.Target) {
	t.Helper()
	server = pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.Target("postgres"), "CREATE ROLE "+pgx.Identifier{role}.Sanitize()+" LOGIN SUPERUSER PASSWORD 'pw'")
	url = server.Target("postgres")
	url.User, url.Password = role, "pw"
	return server, url
}

// TestAServerThatIsNamedHoldsTheClone: by a flag, by the environment, by clipperops.yaml
// with the password in a file. It is left as it was.
func TestAServerThatIsNamedHoldsTheClone(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	server, url := rehearsalServer(t, p.target.User) // what owns the tables is there
	place := fmt.Sprintf("127.0.0.1:%d", server.Port)
	if url.Host != "127.0.0.1" {
		place = fmt.Sprintf("%s:%d", url.Host, server.Port)
	}
	databases := func() string {
		return strings.Join(pgtest.QueryColumn[string](t, server.Target("postgres"), "SELECT datname::text FROM pg_database ORDER BY 1"), " ")
	}
	before := databases()

	d := p.wantsDocument(ops.ExitDone, "migrate --skip-backup --rehearse-on "+url.URL().Reveal())
	wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass, "a clone on "+place)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wantVersion(97)

	back := "rollback --target 10 --rehearse-only"
	byEnvironment := p.in(t)
	byEnvironment.set("REHEARSE_ON", url.URL().Reveal())
	wantClonedOn(t, byEnvironment, back, place)
	silent := url
	silent.Password = ""
	p.write(p.path("secret"), "pw\n")
	p.write(p.path("clipperops.yaml"), "environments:\n  staging:\n    rehearse:\n      on: "+silent.URL().Reveal()+"\n      password_file: "+p.path("secret")+"\n")
	wantClonedOn(t, p, back, place)
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup", "a clone on "+place, "Rolled back to version 10")
	if after := databases(); after != before {
		t.Errorf("the server has databases %s, before %s", after, before)
	}
	p.wantNoScratch()
}

// TestAServerThatCannotHoldTheClone is refused with the reason and what to choose instead,
// before anything of the target or of that server changed.
func TestAServerThatCannotHoldTheClone(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	server, url := rehearsalServer(t, "rehearser")
	owner := pgx.Identifier{p.target.User}.Sanitize()
	on := func(change func(*config.Target)) string {
		u := url
		change(&u)
		return " --rehearse-on " + u.URL().Reveal()
	}
	as := func(*config.Target) {}
	pgtest.Exec(t, p.asSuperuser(), "GRANT SELECT ON users TO pg_monitor") // a role of every server
	before := p.schema()
	refused := func(args string, words ...string) {
		t.Helper()
		wantRefused(t, p.wantsDocument(ops.ExitRefused, "migrate --skip-backup"+args), append(words, "--rehearse-on local")...)
	}

	refused(on(as), p.target.User, "role") // who owns the tables is not there
	p.wants(ops.ExitRefused, "migrate"+on(as), p.target.User)
	p.wants(ops.ExitRefused, "migrate rehearse --rehearse data"+on(as), p.target.User)
	if made, _ := os.ReadDir(p.path("backups")); len(made) > 0 {
		t.Errorf("a backup was taken for a place that cannot hold the clone: %v", made)
	}
	pgtest.Exec(t, server.Target("postgres"), "CREATE ROLE poorer LOGIN PASSWORD 'pw'")
	for _, want := range []string{"CREATEDB", "CREATE ROLE "} { // all that is missing, with the fix for each
		if text := p.says("migrate --dry-run" + on(func(u *config.Target) { u.User = "poorer" })); !strings.Contains(text, want) {
			t.Errorf("the dry run does not say %q:\n%s", want, text)
		}
	}
	pgtest.Exec(t, server.Target("postgres"), "CREATE ROLE "+owner)
	p.wants(ops.ExitDone, "migrate rehearse"+on(as), "a clone on")

	pgtest.Exec(t, server.Target("postgres"), "CREATE ROLE poor LOGIN PASSWORD 'pw'")
	refused(on(func(u *config.Target) { u.User = "poor" }), "poor", "may not create databases", "CREATEDB")

	// Wrong, and nobody there: neither says anything of the clone.
	for name, there := range map[string]struct {
		change func(*config.Target)
		says   string
	}{
		"a wrong password":        {func(u *config.Target) { u.Password = "wrong-one" }, "password"},
		"a server that is not up": {func(u *config.Target) { u.Port = 1 }, "refused"},
		"a name that is not one":  {func(u *config.Target) { u.Host = "no-such-host.invalid" }, "no-such-host.invalid"},
	} {
		args := "migrate --skip-backup" + on(there.change)
		r := p.start(append(strings.Fields(args), "--output", "json")...)
		_ = r.cmd.Wait() // which of the two codes is looked at
		code := ops.ExitCode(r.cmd.ProcessState.ExitCode())
		if code != ops.ExitFailed && code != ops.ExitRefused {
			t.Errorf("%s: exit code %d\n%s%s", name, code, r.out, r.err)
			continue
		}
		d := r.document(code)
		wantRefused(t, d, there.says, "the server for clones", "--rehearse-on local")
		if next := strings.Join(d.Error.Next, "\n"); strings.Contains(next, "DB_") {
			t.Errorf("%s: the settings of the database are not to blame: %s", name, next)
		}
		if text := r.out.String() + r.err.String(); strings.Contains(text, "wrong-one") {
			t.Errorf("%s: the password is shown:\n%s", name, text)
		}
	}
	p.wantVersion(10)
	p.wantSchema(before)
	if left := scratchOn(t, server.Target("postgres"), "rehearser"); len(left) > 0 {
		t.Errorf("left there: %q", left)
	}
}

// TestAnExtensionThatIsNotThere: one the target has and the place does not offer. No
// server here lacks what another has, so that the target is made to have one of a name
// that no server offers.
func TestAnExtensionThatIsNotThere(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	pgtest.Exec(t, p.asSuperuser(), "CREATE EXTENSION IF NOT EXISTS pgcrypto")
	pgtest.Exec(t, p.asSuperuser(), "UPDATE pg_extension SET extname = 'thin_clouds' WHERE extname = 'pgcrypto'")
	_, url := rehearsalServer(t, p.target.User)
	for _, on := range []string{"local", url.URL().Reveal(), "same"} {
		d := p.wantsDocument(ops.ExitRefused, "migrate --skip-backup --rehearse-on "+on)
		wantRefused(t, d, "extension", "thin_clouds")
		next := strings.Join(d.Error.Next, "\n")
		if strings.Contains(on, "//") != strings.Contains(next, "--rehearse-on local") && on != "same" {
			t.Errorf("on %s, to choose instead: %s", on, next)
		}
	}
	p.wantVersion(10)
	p.wantNoScratch()
}

// TestAFileThatReachesBeyondTheClone: roles are the whole server's, so that a rehearsal on the
// target's own would make them in earnest. It is refused there and rehearsed elsewhere.
func TestAFileThatReachesBeyondTheClone(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	role := p.target.Database + "_reader"
	pgtest.Exec(t, p.asSuperuser(), "ALTER ROLE "+pgx.Identifier{p.target.User}.Sanitize()+" CREATEROLE")
	t.Cleanup(func() {
		afterwards(t, pgtest.Shared(t), "DROP ROLE IF EXISTS "+pgx.Identifier{role}.Sanitize())
	})
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": makeOne, "000011_one.down.sql": "DROP TABLE one;\n",
		"000012_role.up.sql":   "CREATE ROLE " + role + ";\nGRANT SELECT ON one TO " + role + ";\n",
		"000012_role.down.sql": "REVOKE ALL ON one FROM " + role + ";\nDROP ROLE " + role + ";\n",
	})
	for _, args := range []string{"migrate rehearse", "migrate --skip-backup"} {
		wantRefused(t, p.wantsDocument(ops.ExitRefused, args+chosen), "000012_role.up.sql:1", "roles", "outside the clone", "--rehearse-on local")
	}
	there := func() bool {
		return pgtest.QueryValue[bool](t, p.target, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
	}
	if there() {
		t.Fatal("the rehearsal made the role on the target's own server")
	}
	p.wantVersion(10)
	d := p.wantsDocument(ops.ExitDone, "migrate --skip-backup --rehearse-on local"+chosen)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	if !there() {
		t.Error("the role was not made")
	}
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup --rehearse-on local"+chosen, "Rolled back to version 10")
	if there() {
		t.Error("the role was not dropped")
	}
	p.wantNoScratch()
}
