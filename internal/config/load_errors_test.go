package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
)

func TestSourcesOfOneLevelThatDisagreeAreBothNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ      []string
		dotenv, yaml string
		want         []string
	}{
		"everything": {
			environ: []string{
				"DATABASE_URL=postgres://u:c4nary@h:1/d?sslmode=require", "DB_HOST=h2", "DB_PORT=2", "DB_USER=u2", "DB_PASSWORD=c4nary2",
				"DB_NAME=d2", "DB_SSLMODE=verify-full",
			},
			want: []string{
				`environment DB_NAME says database.name "d2", but environment DATABASE_URL says database.name "d"`,
				`environment DB_HOST says database.host "h2", but environment DATABASE_URL says database.host "h"`,
				"environment DB_PASSWORD says database.password ***, but environment DATABASE_URL says database.password ***",
				`environment DB_PORT says database.port "2", but environment DATABASE_URL says database.port "1"`,
				`environment DB_SSLMODE says database.sslmode "verify-full", but environment DATABASE_URL says database.sslmode "require"`,
				`environment DB_USER says database.user "u2", but environment DATABASE_URL says database.user "u"`,
			},
		},
		"a port that the URL implies": {
			dotenv: "DATABASE_URL=postgres://u@h/d\nDB_PORT=6432\n",
			want:   []string{`.env DB_PORT (line 2) says database.port "6432", but .env DATABASE_URL (line 1) gives no port, which means 5432`},
		},
		"yaml": {
			yaml: "environments:\n  staging:\n    database:\n      url: postgres://u@h/d\n      host: h2\n      password: c4nary\n      password_file: x\n",
			want: []string{
				`clipperops.yaml database.host (line 5) says database.host "h2", but clipperops.yaml database.url (line 4) says database.host "h"`,
				"clipperops.yaml database.password (line 6) says database.password ***, but clipperops.yaml database.password_file (line 7) says database.password ***",
			},
		},
		"a key that stands twice": {
			dotenv: "DB_HOST=h\nDB_NAME=d\nDB_HOST=h2\n",
			want:   []string{".env DB_HOST (line 1) stands again in line 3, with another value"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, tc.environ...).write(".env", tc.dotenv)
			if tc.yaml != "" {
				p.write("clipperops.yaml", tc.yaml)
				p.write("x", "c4nary")
			}
			if diff := cmp.Diff(tc.want, p.problems()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSourcesThatAgreeOrAreOverriddenAreNoConflict(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DATABASE_URL=postgres://u:p@db/d", "DB_HOST=DB", "DB_PORT=05432", "DB_PASSWORD=p", "DB_SSLMODE=require")
	if c := p.load(); c.Target.String() != "u@db:5432/d" && c.Target.String() != "u@DB:5432/d" {
		t.Errorf("target %s", c.Target)
	}
	p = newPlace(t).write(".env", "DATABASE_URL=postgres://u:p@db/d\nDB_HOST=localhost\nDB_USER=x\nDB_NAME=y\nDB_PORT=junk\n")
	p.Flags.DatabaseURL = "postgres://a@b/c"
	if c := p.load(); c.Target.String() != "a@b:5432/c" {
		t.Errorf("target %s", c.Target)
	}
}

func TestBadValuesAreAllReportedTogether(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DB_HOST=", "DB_PORT=54x2", "DB_NAME= d", "DB_USER=u\t", "DB_SSLMODE=requrie", "BACKUP_DIR=", "ENVIRONMENT=stagging", "PGCONNECT_TIMEOUT=1.5")
	p.write("clipperops.yaml", "environments:\n  staging:\n    databse: {}\n    backup_dirs: x\n")
	p.Flags.EnvFile = "missing.env"
	want := []string{
		filepath.Join(p.Dir, "missing.env") + " cannot be read: no such file or directory",
		`clipperops.yaml: line 3, column 5: unknown key "databse"; did you mean database?`,
		`clipperops.yaml: line 4, column 5: unknown key "backup_dirs"; did you mean backup_dir?`,
		`environment ENVIRONMENT: unknown environment "stagging"; did you mean staging?`,
		"environment BACKUP_DIR leaves backup_dir empty",
		"environment DB_NAME has white space around the value of dbname",
		"environment DB_HOST leaves host empty",
		`environment DB_PORT has a port "54x2" that is not a number from 1 to 65535`,
		`environment DB_SSLMODE has the unknown sslmode "requrie"; did you mean require?; it may be disable, allow, prefer, require, verify-ca, verify-full`,
		"environment DB_USER has white space around the value of user",
		`PGCONNECT_TIMEOUT has a connect_timeout "1.5" that is not a number of seconds from 0 to 86400`,
	}
	if diff := cmp.Diff(want, p.problems()); diff != "" {
		t.Error(diff)
	}
}

func TestSingleBadValues(t *testing.T) {
	t.Parallel()
	const base = "DATABASE_URL=postgres://u@h/d"
	for name, tc := range map[string]struct {
		environ []string
		files   map[string]string
		want    string
	}{
		"empty DATABASE_URL":  {environ: []string{"DATABASE_URL="}, want: "environment DATABASE_URL is empty"},
		"other scheme":        {environ: []string{"DATABASE_URL=mysql://u@h/d"}, want: "environment DATABASE_URL has the scheme mysql://; it must be postgres:// or postgresql://"},
		"port out of range":   {environ: []string{"DB_HOST=h", "DB_NAME=d", "DB_PORT=65536"}, want: `environment DB_PORT has a port "65536" that is not a number from 1 to 65535`},
		"port with host":      {environ: []string{"DB_HOST=h:1", "DB_NAME=d"}, want: `environment DB_HOST has a host with a ":" that is not an IPv6 address; the port stands apart`},
		"URL as host":         {environ: []string{"DB_HOST=postgres://u:c4nary@h/d", "DB_NAME=d"}, want: "environment DB_HOST has a URL as its host"},
		"malformed .env":      {files: map[string]string{".env": "A=1\nDB_PASSWORD='c4nary\n"}, want: ".env: line 2 opens a quote that is never closed"},
		"unsupported":         {environ: []string{base, "PGHOSTADDR=10.0.0.1"}, want: "PGHOSTADDR sets hostaddr, which is not supported: give the address as the host"},
		"service not found":   {environ: []string{base, "PGSERVICE=nope"}, want: `PGSERVICE names the service "nope", which no service file defines`},
		"certificate missing": {environ: []string{base + "?sslrootcert=/does/not/exist"}, want: "environment DATABASE_URL gives an sslrootcert that is not there: /does/not/exist"},
		"certificate without key": {
			environ: []string{base + "?sslcert=/dev/null"}, want: "sslcert and sslkey belong together, but only one of them is set",
		},
		"verify-ca without a root": {environ: []string{base + "?sslmode=verify-ca"}, want: "sslmode verify-ca needs sslrootcert, the certificate of the authority to trust"},
		"system with a weak mode":  {environ: []string{base + "?sslmode=require&sslrootcert=system"}, want: "environment DATABASE_URL says sslmode require, but sslrootcert=system needs verify-full"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, tc.environ...)
			for file, body := range tc.files {
				p.write(file, body)
			}
			if diff := cmp.Diff([]string{tc.want}, p.problems()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The feature is turned off without the database where the flag is kept elsewhere: a password
// that cannot be read matters to those who need the database.
func TestAPasswordFileThatCannotBeReadMattersToThoseWhoNeedTheDatabase(t *testing.T) {
	t.Parallel()
	const database = "environments:\n  staging:\n    database: {host: h, name: d, password_file: %s}\n"
	for name, tc := range map[string]struct{ path, body, want string }{
		"missing":   {"/does/not/exist", "", "clipperops.yaml database.password_file (line 3): /does/not/exist cannot be read: no such file or directory"},
		"two lines": {"p", "a\nb\n", "clipperops.yaml database.password_file (line 3) names a file of more than one line"},
		"empty":     {"p", "\n", "clipperops.yaml database.password_file (line 3) names an empty file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t).write("p", tc.body).write("clipperops.yaml", fmt.Sprintf(database, tc.path))
			c := p.load()
			f := ops.AsFailure(c.TargetErr)
			if f == nil || f.What != tc.want || f.Code != ops.ExitUsage || len(f.Next) == 0 || c.PasswordFile != "" || c.Target.Password != "" {
				t.Errorf("%+v, password file %q", f, c.PasswordFile)
			}
			if got := c.source("database.password"); got != "(cannot be read) <- clipperops.yaml password_file (line 3)" {
				t.Error(got)
			}
			p.write("clipperops.yaml", fmt.Sprintf(database, tc.path)+"    backup_dirs: x\n")
			if all := p.problems(); len(all) != 2 || all[1] != tc.want {
				t.Errorf("beside another mistake: %q", all)
			}
		})
	}
}

func TestABrokenURLThatIsNotNeededIsOnlyAWarning(t *testing.T) {
	t.Parallel()
	p := newPlace(t).write(".env", "DATABASE_URL=prisma://c4nary\n")
	p.Flags.DatabaseURL = "postgres://u@h/d"
	want := []string{".env DATABASE_URL (line 1) has the scheme prisma://; it must be postgres:// or postgresql://; it is not used, because a higher source gives the whole database"}
	if diff := cmp.Diff(want, p.load().Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const yamlPassword = "environments:\n  staging:\n    database: {host: localhost, name: d, password: p}\n"
	for name, tc := range map[string]struct {
		prepare func(*place)
		want    string // a part of the only warning; "" for none
	}{
		"password in the flag":            {func(p *place) { p.Flags.DatabaseURL = "postgres://u:p@h/d" }, "the password in --database-url can be seen by every user of this machine"},
		"no password in the flag":         {func(p *place) { p.Flags.DatabaseURL = "postgres://u@h/d" }, ""},
		"yaml with password, open to all": {func(p *place) { p.writeMode(yamlName, yamlPassword, 0o644) }, "clipperops.yaml holds a password and can be read by every user"},
		"yaml with password, closed":      {func(p *place) { p.writeMode(yamlName, yamlPassword, 0o640) }, ""},
		"yaml without password, open to all": {
			func(p *place) {
				p.writeMode(yamlName, strings.Replace(yamlPassword, "password: p", "user: u", 1), 0o644)
			}, "",
		},
		"staging .env open to all": {func(p *place) { p.writeMode(".env", "DB_HOST=localhost\nDB_NAME=d\nDB_PASSWORD=p\n", 0o644) }, ""},
		"production .env open to all": {
			func(p *place) {
				p.writeMode(".env", "ENVIRONMENT=prod\nDB_HOST=localhost\nDB_NAME=d\nDB_PASSWORD=p\nDB_SSLMODE=prefer\n", 0o644)
			}, ".env holds a password and can be read by every user",
		},
		"a dollar that godotenv expands": {
			func(p *place) { p.write(".env", "DB_HOST=localhost\nDB_NAME=d\nDB_PASSWORD=p$SECRET\n") }, "(line 3) has a $ that is taken for a variable",
		},
		"a password that ends in a line break": {
			func(p *place) { p.Environ = []string{"DB_HOST=localhost", "DB_NAME=d", "DB_PASSWORD=p\n"} }, "environment DB_PASSWORD ends in a line break",
		},
		"another tool's variable": {func(p *place) { p.Environ = []string{"DB_URL=postgres://u:c4nary@h/d"} }, "environment DB_URL is not read; did you mean DATABASE_URL?"},
		"a slip of a key":         {func(p *place) { p.Environ = []string{"DB_HSOT=x", "DB_HOSTS=x", "DB_MAX_CONNS=3"} }, "environment DB_HOSTS is not read; did you mean DB_HOST?"},
		"another ending":          {func(p *place) { p.write("clipperops.yml", "x: 1") }, "clipperops.yml is not read; the name is clipperops.yaml"},
		"unencrypted staging": {
			func(p *place) { p.Environ = []string{"DATABASE_URL=postgres://u@h/d?sslmode=prefer"} },
			"sslmode prefer (environment DATABASE_URL) may leave the connection to h unencrypted",
		},
		"pgpass others may read": {
			func(p *place) {
				p.Environ = []string{"DATABASE_URL=postgres://u@h/d"}
				p.writeMode("~/.pgpass", "*:*:*:*:c4nary", 0o640)
			},
			"password file ~/.pgpass is ignored, as libpq ignores it: others may read it; chmod 600 ~/.pgpass",
		},
		"pgpass not needed": {
			func(p *place) {
				p.Environ = []string{"DATABASE_URL=postgres://u:p@h/d"}
				p.writeMode("~/.pgpass", "*:*:*:*:c4nary", 0o640)
			}, "",
		},
		"PGPASSFILE missing": {
			func(p *place) { p.Environ = []string{"DATABASE_URL=postgres://u@h/d", "PGPASSFILE=/does/not/exist"} }, "password file /does/not/exist cannot be read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			tc.prepare(p)
			got := p.load().Warnings
			if tc.want == "" && len(got) > 0 || tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)) {
				t.Errorf("warnings %q, want %q", got, tc.want)
			}
		})
	}
}
