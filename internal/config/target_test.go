package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
)

func TestParseTargetReadsEveryWayToWriteADatabase(t *testing.T) {
	t.Parallel()
	base := Target{Host: "db.internal", Port: 5432, User: "clipper", Password: "s3cret", Database: "clipper_db", SSLMode: "require"}
	with := func(change func(*Target)) Target {
		changed := base
		change(&changed)
		return changed
	}
	for name, tc := range map[string]struct {
		in   string
		want Target
	}{
		"URL": {"postgres://clipper:s3cret@db.internal:5432/clipper_db?sslmode=require", base},
		"other scheme, defaults": {
			"postgresql://clipper:s3cret@db.internal/clipper_db", base,
		},
		"empty port": {"postgres://clipper:s3cret@db.internal:/clipper_db", base},
		"encoded password": {
			"postgres://clipper:p%40ss%2Fw%3A%3F%23%25%20%27%5C@db.internal/clipper_db",
			with(func(t *Target) { t.Password = `p@ss/w:?#% '\` }),
		},
		"password that can only be read in one way": {
			"postgres://clipper:p@ss:w#rd+$&=é@db.internal/clipper_db",
			with(func(t *Target) { t.Password = "p@ss:w#rd+$&=é" }),
		},
		"no password, ssl alias": {
			"postgres://clipper@db.internal/clipper_db?ssl=true",
			with(func(t *Target) { t.Password = "" }),
		},
		"empty password": {
			"postgres://clipper:@db.internal/clipper_db",
			with(func(t *Target) { t.Password = "" }),
		},
		"IPv6": {
			"postgres://clipper:s3cret@[::1]:6432/clipper_db",
			with(func(t *Target) { t.Host, t.Port, t.SSLMode = "::1", 6432, "prefer" }),
		},
		"IPv6 with zone, no port": {
			"postgres://clipper:s3cret@[fe80::1%25eth0]/clipper_db",
			with(func(t *Target) { t.Host = "fe80::1%eth0" }),
		},
		"socket in the query": {
			"postgres://clipper:s3cret@/clipper_db?host=/var/run/postgresql&port=5433",
			with(func(t *Target) { t.Host, t.Port, t.SSLMode = "/var/run/postgresql", 5433, "prefer" }),
		},
		"socket as host": {
			"postgres://clipper:s3cret@%2Fvar%2Frun%2Fpostgresql/clipper_db",
			with(func(t *Target) { t.Host, t.SSLMode = "/var/run/postgresql", "prefer" }),
		},
		"everything in the query": {
			"postgres:///?host=db.internal&user=clipper&password=s3cret&dbname=clipper_db", base,
		},
		"keywords": {
			`host=db.internal user = clipper password='s3cret' dbname=clipper_db port=5432`, base,
		},
		"keywords, quotes and escapes": {
			`host=db.internal user='my user' password='it\'s a \\ b' database=clip\ per`,
			with(func(t *Target) { t.User, t.Password, t.Database = "my user", `it's a \ b`, "clip per" }),
		},
		"parameters": {
			"postgres://clipper:s3cret@db.internal/clipper_db?connect_timeout=3&require_auth=!password,!none&options=-c%20geqo%3Doff&TimeZone=UTC" +
				"&sslrootcert=/etc/ssl/root.crt&pool_max_conns=4&x-lock=1&application_name=app",
			with(func(t *Target) {
				t.SSLRootCert = "/etc/ssl/root.crt"
				t.Params = map[string]string{"connect_timeout": "3", "options": "-c geqo=off", "timezone": "UTC", "require_auth": "!password,!none"}
			}),
		},
		"the same twice": {"postgres://clipper:s3cret@db.internal/clipper_db?host=db.internal", base},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseTarget(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, revealSecrets); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// revealSecrets has cmp compare what a Secret hides.
var revealSecrets = cmp.Transformer("Reveal", func(s Secret) string { return s.Reveal() })

func TestParseTargetRefusesWithAReasonThatQuotesNothing(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                           "the connection string is empty",
		"mysql://u:p@h/d":            "the connection string has the scheme mysql://; it must be postgres:// or postgresql://",
		"Postgres://u:p@h/d":         "the connection string has the scheme Postgres://; it must be postgres:// or postgresql://",
		"jdbc:postgresql://h/d":      `the connection string is neither a postgres:// URL nor a list of keyword=value`,
		" postgres://u:p@h/d":        "the connection string has white space at its beginning or end",
		"postgres://u:p@h/d\n":       "the connection string has white space at its beginning or end",
		"postgres://u:p@h/d\x00":     "the connection string holds a NUL byte",
		"postgres://u:p%00@h/d":      "the connection string holds a NUL byte in password",
		"postgres://u:p%zz@h/d":      "the connection string has a % that two hexadecimal digits do not follow; write % itself as %25",
		"postgres://u:p4x":           "the connection string has a port that is not a number from 1 to 65535",
		"postgres://u:p@h:0/d":       "the connection string has a port that is not a number from 1 to 65535",
		"postgres://u:p@h:65536/d":   "the connection string has a port that is not a number from 1 to 65535",
		"postgres://u:p@h:+5432/d":   "the connection string has a port that is not a number from 1 to 65535",
		"postgres://u:p@a,b/d":       "the connection string names several hosts; name the one that is the primary",
		"postgres://u:p@300.1.1.1/d": "the connection string has a host that is not a valid IPv4 address",
		"host=" + strings.Repeat("h", 254) + " user=u dbname=d": "the connection string has a host that is neither a name, an IP address nor the directory of a socket",
		"postgres://u:p@h_1 x/d":                                "the connection string has a host that is neither a name, an IP address nor the directory of a socket",
		"postgres://h/d":                                        "the connection string does not give the user",
		"postgres://u@h":                                        "the connection string does not give the dbname",
		"host=h user=u":                                         "the connection string does not give the dbname",
		"user=u dbname=d":                                       "the connection string does not give the host",
		"host=h user=u dbname='d":                               "the connection string has a quote that is not closed",
		"host=h port=70000 user=u":                              "the connection string has a port that is not a number from 1 to 65535",
		"host=h2 password=a b=c":                                "the connection string has an unknown parameter",
		"host=h2 password=a b":                                  `the connection string has a word without "="; a value with spaces needs single quotes`,
		"postgres://u@h/d?sslmod=x":                             `the connection string has an unknown parameter "sslmod"; did you mean sslmode?`,
		"postgres://u@h/d?sslmode":                              "the connection string has a parameter that is not name=value; write = as %3D and & as %26 in a value",
		"postgres://u@h/d?sslmode=":                             "the connection string leaves sslmode empty",
		"postgres://u@h/d?sslmode=on":                           "the connection string has the unknown sslmode; it may be disable, allow, prefer, require, verify-ca, verify-full",
		"postgres://u@h/d?host=h2":                              "the connection string gives host twice, with different values",
		"postgres://u@h/d?service=s":                            "the connection string refers to a service, which is not looked up here",
		"postgres://u@h/d?require_auth=x":                       `the connection string has a require_auth that is not a list of methods, all or none of them with "!"`,
		"postgres://u@h/d?require_auth=md5,!none":               `the connection string has a require_auth that is not a list of methods, all or none of them with "!"`,
		"postgres://u:p?x=1":                                    "the connection string has a port that is not a number from 1 to 65535; the connection string has an unknown parameter",
		"postgres://u@h/d?sslcrl=/x":                            "the connection string sets sslcrl, which is not supported: revocation lists are not checked",
		"postgres://u@h/d?connect_timeout=x":                    "the connection string has a connect_timeout that is not a number of seconds from 0 to 86400",
		"postgres://u@h/d?x-migrations-table=v": "the connection string sets x-migrations-table, which is not supported: " +
			"the version is kept in the table schema_migrations of the default schema",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			target, err := ParseTarget(in)
			if err == nil {
				t.Fatalf("got %v, want an error", target)
			}
			f := ops.AsFailure(err)
			got := f.What
			if len(f.Detail) > 0 {
				got = strings.Join(f.Detail, "; ")
			}
			if got != want {
				t.Errorf("it says\n  %s, want\n  %s", got, want)
			}
			if f.Code != ops.ExitUsage || len(f.Next) == 0 || len(f.State) == 0 {
				t.Errorf("failure %+v lacks code, state or next", f)
			}
		})
	}
}

func TestTargetIsShownWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		target        Target
		short, redact string
		url           string
	}{
		{
			Target{Host: "db.internal", Port: 5432, User: "clipper", Password: "a b", Database: "clipper_db", SSLMode: "require"},
			"clipper@db.internal:5432/clipper_db",
			"postgres://clipper@db.internal:5432/clipper_db?sslmode=require",
			"postgres://clipper:a%20b@db.internal:5432/clipper_db?sslmode=require",
		},
		{
			Target{Host: "::1", Port: 6432, User: "c:d@e", Database: "x/y"},
			"c%3Ad%40e@[::1]:6432/x%2Fy",
			"postgres://c%3Ad%40e@[::1]:6432/x%2Fy",
			"postgres://c%3Ad%40e@[::1]:6432/x%2Fy",
		},
		{
			Target{Host: "/run/pg", Port: 5433, User: "u", Password: "$'\"#", Database: "d", SSLMode: "prefer", Params: map[string]string{"options": "-c a=b"}},
			"u@/run/pg:5433/d",
			"postgres://u@/d?host=/run/pg&port=5433&sslmode=prefer",
			"postgres://u:%24%27%22%23@/d?host=/run/pg&port=5433&sslmode=prefer&options=-c%20a%3Db",
		},
	} {
		if got := tc.target.String(); got != tc.short {
			t.Errorf("String() = %s, want %s", got, tc.short)
		}
		if got := tc.target.RedactedURL(); got != tc.redact {
			t.Errorf("RedactedURL() = %s, want %s", got, tc.redact)
		}
		if got := tc.target.URL().Reveal(); got != tc.url {
			t.Errorf("URL() = %s, want %s", got, tc.url)
		}
	}
}

func TestLocalIsLoopbackAndSocketsOnly(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "db.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"::ffff:127.0.0.1": true, "/var/run/postgresql": true,
		"db": false, "localhost.example.com": false, "10.0.0.1": false, "0.0.0.0": false, "::": false, "fe80::1%lo": false, "": false,
	} {
		if got := (Target{Host: host}).Local(); got != want {
			t.Errorf("Local() of %q = %v, want %v", host, got, want)
		}
	}
}

func TestWithDatabaseSharesNothing(t *testing.T) {
	t.Parallel()
	a := Target{Database: "a", Params: map[string]string{"timezone": "UTC"}}
	b := a.WithDatabase("b")
	b.Params["timezone"] = "CET"
	if a.Database != "a" || b.Database != "b" || a.Params["timezone"] != "UTC" {
		t.Errorf("a = %#v %v, b = %#v %v", a, a.Params, b, b.Params)
	}
}
