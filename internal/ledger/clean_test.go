package ledger

import "testing"

func TestSecretsAreTakenOutOfText(t *testing.T) {
	t.Parallel()
	c := newCleaner("hunter2hunter2", []string{"clipper"}, false)
	for in, want := range map[string]string{
		"postgres://clipper@db:5432/clipper_db?sslmode=require": "postgres://clipper@db:5432/clipper_db?sslmode=require",
		"postgres://clipper:pw@db/x":                            "postgres://clipper:***@db/x",
		"postgres://clipper:p@ss@db/x":                          "postgres://clipper:***@db/x",
		"host=db password=pw dbname=x":                          "host=db password=*** dbname=x",
		`password='it\'s me' user=x`:                            "password=*** user=x",
		"?password=pw&sslmode=require":                          "?password=***&sslmode=require",
		"PGPASSWORD=pw psql":                                    "PGPASSWORD=*** psql",
		`{"password": "pw"}`:                                    `{"password": ***}`,
		"ALTER ROLE x PASSWORD 'a''b';":                         "ALTER ROLE x PASSWORD ***;",
		"password authentication failed for user":               "password authentication failed for user",
		"it was hunter2hunter2.":                                "it was ***.",
	} {
		if got := c.line(in, 500); got != want {
			t.Errorf("%s → %s, want %s", in, got, want)
		}
	}
}

// TestAPasswordThatIsAnOrdinaryWordIsNotSearchedFor guards against texts that
// are defaced, and so betray the password, wherever the word stands.
func TestAPasswordThatIsAnOrdinaryWordIsNotSearchedFor(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "a", "clipper_db"} {
		c := newCleaner(password, []string{"clipper", "clipper_db", "db"}, false)
		if got := c.line("a migration of clipper_db", 100); got != "a migration of clipper_db" {
			t.Errorf("password %q: %s", password, got)
		}
	}
}
