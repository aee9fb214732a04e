package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
)

// place is a machine to load a configuration on: a working directory and a home.
type place struct {
	t testing.TB
	Sources
}

func newPlace(t testing.TB, environ ...string) *place {
	t.Helper()
	root := t.TempDir()
	p := &place{t, Sources{Dir: filepath.Join(root, "work"), Home: filepath.Join(root, "home"), Username: "alice", Environ: environ}}
	for _, dir := range []string{p.Dir, p.Home} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// write puts a file into the working directory, or with "~/" into the home.
func (p *place) write(name, body string) *place { return p.writeMode(name, body, 0o600) }

func (p *place) writeMode(name, body string, mode os.FileMode) *place {
	p.t.Helper()
	path := filepath.Join(p.Dir, name)
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		path = filepath.Join(p.Home, rest)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), mode); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		p.t.Fatal(err)
	}
	return p
}

func (p *place) load() *Config {
	p.t.Helper()
	c, err := Load(p.Sources)
	if err != nil {
		p.t.Fatal(err, ops.AsFailure(err).Detail)
	}
	return c
}

// problems returns what is wrong, one item each.
func (p *place) problems() []string {
	p.t.Helper()
	c, err := Load(p.Sources)
	if err == nil {
		p.t.Fatalf("loaded without an error: %+v", c)
	}
	f := ops.AsFailure(err)
	if f.Code != ops.ExitUsage || len(f.State) != 1 || f.State[0] != "nothing was touched" || len(f.Next) == 0 {
		p.t.Errorf("failure %+v lacks code, state or next", f)
	}
	if c == nil || c.TargetErr == nil {
		p.t.Error("no Config with TargetErr beside the error")
	}
	if len(f.Detail) == 0 {
		return []string{f.What}
	}
	return f.Detail
}

func (c *Config) source(key string) string {
	for _, s := range c.Settings {
		if s.Key == key {
			return s.Value + " <- " + s.Source
		}
	}
	return "absent"
}

func TestEachLevelBeatsTheOnesBelow(t *testing.T) {
	t.Parallel()
	const yamlBody = `environments:
  staging:
    database: {host: yaml, user: yaml, name: yaml, sslmode: verify-full}
    backup_dir: from-yaml
`
	p := newPlace(t, "DB_HOST=env", "DB_PORT=7000", "PGHOST=pg", "PGSSLMODE=disable", "PGOPTIONS=-c geqo=off", "PGUSER=", "XDG_STATE_HOME=/state")
	p.write("backend/.env", "DB_HOST=dotenv\nDB_USER=dotenv\n").write(".env", "DB_NAME=not-read\n").write("clipperops.yaml", yamlBody)
	c := p.load()
	for key, want := range map[string]string{
		"database.host":           "env <- environment DB_HOST",
		"database.port":           "7000 <- environment DB_PORT",
		"database.user":           "dotenv <- backend/.env DB_USER (line 2)",
		"database.password":       " <- not set",
		"database.name":           "yaml <- clipperops.yaml (line 3)",
		"database.sslmode":        "verify-full <- clipperops.yaml (line 3)",
		"database.params.options": "-c geqo=off <- PGOPTIONS",
		"backup_dir":              filepath.Join(p.Dir, "from-yaml") + " <- clipperops.yaml (line 4)",
		"report_dir":              "/state/clipperops/reports <- default ($XDG_STATE_HOME)",
		"migrations":              "embedded <- default",
		"environment":             "staging <- default",
		"env_file":                filepath.Join(p.Dir, "backend/.env") + " <- found",
		"config_file":             filepath.Join(p.Dir, "clipperops.yaml") + " <- found",
		"pg_programs":             " <- not set; searched for",
	} {
		if got := c.source(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	want := Target{
		Host: "env", Port: 7000, User: "dotenv", Database: "yaml", SSLMode: "verify-full", SSLRootCert: "system",
		Params: map[string]string{"options": "-c geqo=off", "connect_timeout": "10"},
	}
	if diff := cmp.Diff(want, c.Target, revealSecrets); diff != "" {
		t.Error(diff)
	}

	p.Flags = Flags{
		DatabaseURL: "postgres://flag@flag/flag", Path: "m", Release: "r.yaml", BackupDir: "/b", ReportDir: "~/r", Environment: "prod",
		EnvFile: ".env",
	}
	p.Environ = append(p.Environ, "DB_SSLMODE=require")
	c = p.load()
	if c.Target.String() != "flag@flag:5432/flag" || c.Target.SSLMode != "require" || c.Environment != Production {
		t.Errorf("target %s %s in %s", c.Target, c.Target.SSLMode, c.Environment)
	}
	places := []string{c.MigrationsPath, c.ReleaseFile, c.BackupDir, c.ReportDir}
	if diff := cmp.Diff([]string{filepath.Join(p.Dir, "m"), filepath.Join(p.Dir, "r.yaml"), "/b", filepath.Join(p.Home, "r")}, places); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DB_HOST=localhost", "DB_NAME=clipper_db")
	c := p.load()
	if c.Target.String() != "alice@localhost:5432/clipper_db" || c.Target.SSLMode != "prefer" || c.Environment != Staging {
		t.Errorf("target %s %s in %s", c.Target, c.Target.SSLMode, c.Environment)
	}
	if c.BackupDir != "/var/backups/clipper" || c.ReportDir != filepath.Join(p.Home, ".local/state/clipperops/reports") {
		t.Errorf("backups in %s, reports in %s", c.BackupDir, c.ReportDir)
	}
	if c.source("database.user") != "alice <- default (operating system user)" || c.source("database.port") != "5432 <- default" {
		t.Error(c.Settings)
	}
	p.Home = ""
	if c := p.load(); c.ReportDir != "/var/backups/clipper/reports" {
		t.Errorf("without a home directory reports lie in %s", c.ReportDir)
	}
}

func TestNoDatabaseIsAnErrorOnlyForThoseThatNeedOne(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		environ []string
		want    string
	}{
		{nil, "no database is configured"},
		{[]string{"PGSSLMODE=require", "PGPASSFILE=/x"}, "no database is configured"},
		{[]string{"DB_USER=u"}, "the database is not complete: the host is and the database name is missing"},
		{[]string{"PGHOST=h"}, "the database is not complete: the database name is missing"},
		{[]string{"DB_NAME=d"}, "the database is not complete: the host is missing"},
	} {
		c := newPlace(t, tc.environ...).load()
		f := ops.AsFailure(c.TargetErr)
		if f == nil || f.What != tc.want || f.Code != ops.ExitUsage || len(f.Next) == 0 {
			t.Errorf("%v: TargetErr is %+v, want %s", tc.environ, f, tc.want)
		}
	}
}

func TestDatabaseURLSettlesHostAndPortTogether(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		dotenv  string
		want    string
		port    string
	}{
		"its port is the default, whatever is below": {
			[]string{"DATABASE_URL=postgres://env/d", "PGPORT=7777"},
			"DB_PORT=9999\nDB_USER=u\n",
			"u@env:5432/d", "5432 <- environment DATABASE_URL",
		},
		"its port goes with its host": {
			[]string{"DB_HOST=env"}, "DATABASE_URL=postgres://u@dotenv:6543/d\n", "u@env:5432/d", "5432 <- default",
		},
		"a port alone is anybody's": {
			[]string{"DB_HOST=env"}, "DB_PORT=9999\nDB_NAME=d\nDB_USER=u\n", "u@env:9999/d", "9999 <- .env DB_PORT (line 1)",
		},
		"keyword/value": {
			[]string{"DATABASE_URL=host=env user=u dbname=d"}, "DB_PORT=9999\n", "u@env:5432/d", "5432 <- environment DATABASE_URL",
		},
		"PGPORT fills": {
			[]string{"DB_HOST=env", "DB_NAME=d", "DB_USER=u", "PGPORT=7777"}, "", "u@env:7777/d", "7777 <- PGPORT",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPlace(t, tc.environ...).write(".env", tc.dotenv).load()
			if got := c.Target.String(); got != tc.want {
				t.Errorf("target %s, want %s", got, tc.want)
			}
			if got := c.source("database.port"); got != tc.port {
				t.Errorf("port %s, want %s", got, tc.port)
			}
		})
	}
}

func TestADotenvOfAnotherEnvironmentIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DATABASE_URL=postgres://u@h/d?sslmode=require").write(".env", "A=1\nENVIRONMENT=development\n")
	if c := p.load(); c.Environment != Development || c.source("environment") != "development <- .env ENVIRONMENT (line 2)" {
		t.Errorf("environment %s", c.source("environment"))
	}
	p.Flags.Environment = "production"
	c := p.load()
	if diff := cmp.Diff([]string{".env is for development, but the environment is production (flag --env)"}, c.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestSectionsOfTheYAMLBelongToTheirEnvironment(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ENVIRONMENT=production").write("conf/ops.yaml", `
environments:
  production:
    database:
      url: postgres://clipper@db.prod/clipper_db?sslmode=verify-full
      password_file: secrets/password
      sslrootcert: root.crt
    migrations: ../migrations
    release: ~/release.yaml
    pg_programs: /opt/pg/bin
  staging:
    database: {host: db.staging}
`).write("conf/secrets/password", "pa ss\r\n").write("conf/root.crt", "")
	p.Flags.ConfigFile = "conf/ops.yaml"
	c := p.load()
	conf := filepath.Join(p.Dir, "conf")
	want := Target{
		Host: "db.prod", Port: 5432, User: "clipper", Password: "pa ss", Database: "clipper_db", SSLMode: "verify-full",
		SSLRootCert: filepath.Join(conf, "root.crt"), Params: map[string]string{"connect_timeout": "10"},
	}
	if diff := cmp.Diff(want, c.Target, revealSecrets); diff != "" {
		t.Error(diff)
	}
	if c.source("database.password") != "*** <- conf/ops.yaml password_file (line 6)" || c.source("database.host") != "db.prod <- conf/ops.yaml (line 5)" {
		t.Error(c.Settings)
	}
	if c.MigrationsPath != filepath.Join(p.Dir, "migrations") || c.ReleaseFile != filepath.Join(p.Home, "release.yaml") || c.PgPrograms != "/opt/pg/bin" {
		t.Errorf("%+v", c)
	}
}
