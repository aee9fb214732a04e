package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestYAMLKeepsValuesAsWrittenWithTheirLines(t *testing.T) {
	t.Parallel()
	values, complaints := parseYAML([]byte(`# comment
environments:
  staging:
    database:
      host: db # comment
      port: 5432
      user: 1_000
      password: 0123
      name: true
      sslmode: "verify-full"
      sslkey: 'it''s'
    backup_dir: >-
      /var/backups
  production:
    migrations: "\u00e9"
  development:
`))
	if complaints != nil {
		t.Fatal(complaints)
	}
	const at = "environments.staging.database."
	want := map[string]yamlValue{
		at + "host": {"db", 5}, at + "port": {"5432", 6}, at + "user": {"1_000", 7}, at + "password": {"0123", 8},
		at + "name": {"true", 9}, at + "sslmode": {"verify-full", 10}, at + "sslkey": {"it's", 11},
		"environments.staging.backup_dir": {"/var/backups", 12}, "environments.production.migrations": {"é", 15},
	}
	if diff := cmp.Diff(want, values, cmp.AllowUnexported(yamlValue{})); diff != "" {
		t.Error(diff)
	}
}

func TestYAMLComplaintsGiveLineColumnAndSuggestion(t *testing.T) {
	t.Parallel()
	const head = "environments:\n  staging:\n    database:\n"
	for body, want := range map[string][]string{
		"enviroments: {}\n": {"line 1, column 1: unknown key \"enviroments\"; did you mean environments?"},
		"environments:\n  stagin:\n    database: {}\n  prod:\n    x: 1\n": {
			"line 2, column 3: unknown environment \"stagin\"; did you mean staging?",
			"line 4, column 3: unknown environment \"prod\"; did you mean production?",
		},
		head + "      hots: h\n      username: u\n      dbname: d\n      ssl_mode: x\n      zzz: 1\n": {
			"line 4, column 7: unknown key \"hots\"; did you mean host?",
			"line 5, column 7: unknown key \"username\"; did you mean user?",
			"line 6, column 7: unknown key \"dbname\"; did you mean name?",
			"line 7, column 7: unknown key \"ssl_mode\"; did you mean sslmode?",
			"line 8, column 7: unknown key \"zzz\"; known are host, name, password, password_file, port, sslcert, sslkey, sslmode, sslrootcert, url, user",
		},
		head + "      host: ~\n      port:\n": {
			"line 4, column 13: environments.staging.database.host has no value",
			"line 5, column 13: environments.staging.database.port has no value",
		},
		head + "      host: [a]\n      port: {a: b}\n": {
			"line 4, column 13: environments.staging.database.host must be a single value",
			"line 5, column 13: environments.staging.database.port must be a single value",
		},
		head + "      host: a\n      host: b\n":     {"line 5, column 7: this key stands twice"},
		"environments:\n  staging: x\n":             {"line 2, column 12: environments.staging must be a mapping of keys to values"},
		"- a\n":                                     {"line 1, column 1: the file must be a mapping of keys to values"},
		"environments: {}\n---\nenvironments: {}\n": {"line 3, column 13: begins a second document; one is read"},
		"environments:\n  staging: &a\n    database: {}\n": {
			"line 2, column 12: environments.staging uses an anchor or alias, which is not supported",
		},
		"\xff": {"line 1 is not UTF-8 text"},
	} {
		_, got := parseYAML([]byte(body))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", body, diff)
		}
	}
}

// Guards against the YAML parser's errors, which print the lines around them.
func TestMalformedYAMLShowsNoPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"*c4nary", "&c4nary", "&c4nary x", "!c4nary", "!c4nary{ x", "@c4nary", "`c4nary", "|c4nary", ">c4nary", `"c4nary`, "'c4nary", `"c4n\ary"`,
		"{c4nary", "[c4nary", "]c4nary", "}c4nary", "c4nary: c4nary", "[c4nary]", "{c4nary: c4nary}", "? c4nary", "- c4nary", "\tc4nary",
		"c4nary\n\tc4nary", "'a' c4nary", "!!int c4nary", "<<: c4nary", "c4nary\n    c4nary: c4nary",
	} {
		for _, before := range []string{"", "      password: c4nary\n"} {
			values, complaints := parseYAML([]byte("environments:\n  staging:\n    database:\n" + before + "      user: " + password + "\n"))
			all := strings.Join(complaints, "\n")
			if strings.Contains(strings.ReplaceAll(all, `unknown key "c4nary"`, ""), "c4nary") {
				t.Errorf("%q: %s", password, all)
			}
			if len(complaints) == 0 && values["environments.staging.database.user"].text == "" {
				t.Errorf("%q: neither a value nor a complaint", password)
			}
		}
	}
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"environments:\n  staging:\n    database:\n      host: db\n", "environments: {staging: {migrations: x}}\n",
		"a: &a [*a]\n", "? a\n: b\n", "environments:\n  staging:\n    backup_dir: |-\n      x\n", "- a\n- b", "%YAML 1.2\n---\n", "\"\\x\"", "<<: {a: b}\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		values, complaints := parseYAML([]byte(body))
		for path, v := range values {
			if v.line < 1 || v.line > strings.Count(body, "\n")+strings.Count(body, "\r")+1 {
				t.Errorf("%s stands in line %d of a file that has none", path, v.line)
			}
		}
		for _, c := range complaints {
			if c == "" || strings.ContainsRune(c, '\n') {
				t.Errorf("complaint %q is not one line", c)
			}
		}
	})
}
