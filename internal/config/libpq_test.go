package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLibpqSourcesFillWhatNothingElseStates(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "PGSERVICE=clipper", "PGPORT=1", "PGUSER=pg", "PGHOST=pg", "PGAPPNAME=x").
		write("~/.pg_service.conf", "# services\n[other]\nhost=x\n[clipper]\nhost=svc\ndbname=svc\nsslmode=require\nkeepalives=1\n").
		write("~/.pgpass", "# c\nsvc:2:*:pg:wrong\nsvc:1:svc:pg:p\\:w\\\\d\n*:*:*:*:other\n").
		write(".env", "PGPORT=9\nPGCONNECT_TIMEOUT=4\n").
		write("~/.postgresql/root.crt", "").write("~/.postgresql/postgresql.crt", "").write("~/.postgresql/postgresql.key", "")
	c := p.load()
	want := Target{
		Host: "svc", Port: 1, User: "pg", Password: `p:w\d`, Database: "svc", SSLMode: "require", Params: map[string]string{"connect_timeout": "4"},
		SSLRootCert: filepath.Join(p.Home, ".postgresql/root.crt"),
		SSLCert:     filepath.Join(p.Home, ".postgresql/postgresql.crt"), SSLKey: filepath.Join(p.Home, ".postgresql/postgresql.key"),
	}
	if diff := cmp.Diff(want, c.Target, revealSecrets); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{
		"database.host":                    "svc <- service clipper",
		"database.user":                    "pg <- PGUSER",
		"database.password":                "*** <- pgpass ~/.pgpass",
		"database.params.connect_timeout":  "4 <- .env PGCONNECT_TIMEOUT (line 2)",
		"database.params.application_name": `"x" <- PGAPPNAME, not used`,
		"database.sslrootcert":             want.SSLRootCert + " <- default (~/.postgresql/root.crt)",
	} {
		if got := c.source(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestServiceAndPasswordFilesThatAConnectionStringNames(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DATABASE_URL=service=s passfile=pp dbname=d", "PGSERVICEFILE=ignored", "PGSYSCONFDIR=/").
		write("services", "[s]\nhost=/run/pg\nuser=u\n").write("pp", "localhost:5432:d:u:x\n")
	p.Environ[1] = "PGSERVICEFILE=services"
	c := p.load()
	if c.Target.String() != "u@/run/pg:5432/d" || c.Target.Password.Reveal() != "x" {
		t.Errorf("%s with %q", c.Target, c.Target.Password.Reveal())
	}
}

func TestMalformedServiceFiles(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		"[s]\nc4nary\n":             {"is malformed: unable to parse line 2"},
		"[s]\nhots=h\n":             {`service s has an unknown parameter "hots"; did you mean host?`},
		"[s]\nservice=t\nport=x\n":  {"service s refers to another service, which is not allowed", `service s has a port "x" that is not a number from 1 to 65535`},
		"[s]\nsslpassword=c4nary\n": {"service s sets sslpassword, which is not supported"},
	} {
		got := newPlace(t, "PGSERVICE=s", "DB_NAME=d", "DB_HOST=h").write("~/.pg_service.conf", body).problems()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b string) bool { return strings.Contains(a, b) || strings.Contains(b, a) })); diff != "" {
			t.Errorf("%q\n%s", body, diff)
		}
	}
}
