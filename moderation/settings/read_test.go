package settings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/moderation/settings"
)

// good is an environment that serves.
func good() map[string]string {
	return map[string]string{
		"DATABASE_URL": "postgres://clipper:s3cret@db:5432/clipper_db", "JWT_SECRET": "s3cret-s3cret-s3cret-s3cret-s3cret",
		"JWT_AUDIENCE": "clipper", "TWITCH_CLIENT_ID": "abc", "TOKEN_KEY": "s3cret",
	}
}

func lookup(env map[string]string) settings.Environment {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

const everything = settings.ForDatabase | settings.ForFlags | settings.ForServing

// TestEveryMistakeIsFoundAtOnce: an operator does not learn of them one start after
// the other, and none of them shows a secret.
func TestEveryMistakeIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	env := good()
	for name, value := range map[string]string{
		"MODERATION_ADDR": "8080", "TWITCH_URL": "api.twitch.tv", "JWT_JWKS_URL": "https://issuer/keys", "DB_HOST": "db",
		"SHUTDOWN_TIMEOUT": "forever", "TRUSTED_PROXIES": "10.0.0.0/8,proxy", "FEATURE_STORE": "redis", "DB_MAX_CONNS": "-1",
		"TOKEN_KEY_FILE": "/nowhere",
	} {
		env[name] = value
	}
	delete(env, "JWT_AUDIENCE")
	delete(env, "TWITCH_CLIENT_ID")
	_, err := settings.Read(lookup(env), everything)
	if err == nil {
		t.Fatal("no mistake was found")
	}
	for _, name := range []string{
		"MODERATION_ADDR", "TWITCH_URL", "JWT_SECRET", "DATABASE_URL", "SHUTDOWN_TIMEOUT", "TRUSTED_PROXIES", "FEATURE_STORE", "DB_MAX_CONNS",
		"TOKEN_KEY", "JWT_AUDIENCE", "TWITCH_CLIENT_ID",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+name+" ") {
			t.Errorf("nothing is said of %s:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a secret is shown:\n%v", err)
	}
}

// TestSecretsComeFromFilesToo: as Docker's and Kubernetes' do, with the newline
// that editors leave.
func TestSecretsComeFromFilesToo(t *testing.T) {
	t.Parallel()
	env := good()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("postgres://clipper:other@db/clipper_db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	delete(env, "DATABASE_URL")
	env["DATABASE_URL_FILE"] = file
	s, err := settings.Read(lookup(env), everything)
	if err != nil || s.Database.URL != "postgres://clipper:other@db/clipper_db" {
		t.Errorf("%v, read %q", err, s.Database.URL)
	}
}

// TestTheVariablesOfClippersComposeFile: a password may have any character.
func TestTheVariablesOfClippersComposeFile(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DB_HOST": "db", "DB_USER": "clipper", "DB_PASSWORD": `p@ss/w:rd?#% "x`, "DB_NAME": "clipper_db"}
	s, err := settings.Read(lookup(env), settings.ForDatabase)
	if err != nil {
		t.Fatal(err)
	}
	if name := s.Database.String(); name != "clipper@db:5432/clipper_db" {
		t.Errorf("the database is %s", name)
	}
	if strings.Contains(fmt.Sprint(s.JWTSecret, s.TokenKey), "p@ss") {
		t.Error("a secret is shown")
	}
}

// TestACommandAsksOnlyForWhatItNeeds: switching maintenance on at 3 a.m. must not
// fail for want of a Twitch client id.
func TestACommandAsksOnlyForWhatItNeeds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env   map[string]string
		parts settings.Part
		wants string
	}{
		"flags in the environment": {nil, settings.ForFlags, ""},
		"flags in a file":          {map[string]string{"FEATURE_STORE": "envfile", "FEATURE_FILE": ".env"}, settings.ForFlags, ""},
		"flags in no file":         {map[string]string{"FEATURE_STORE": "envfile"}, settings.ForFlags, "FEATURE_FILE"},
		"flags in flagd's file":    {map[string]string{"FEATURE_STORE": "flagd", "FEATURE_FILE": "flags.json"}, settings.ForFlags, ""},
		"flags in no flagd file":   {map[string]string{"FEATURE_STORE": "flagd"}, settings.ForFlags, "FEATURE_FILE"},
		"flags in Postgres":        {map[string]string{"FEATURE_STORE": "postgres"}, settings.ForFlags, "DATABASE_URL"},
		"setup":                    {map[string]string{"DB_HOST": "db"}, settings.ForDatabase, ""},
		"serving":                  {nil, everything, "TWITCH_CLIENT_ID"},
	} {
		_, err := settings.Read(lookup(c.env), c.parts)
		if (err == nil) != (c.wants == "") || (err != nil && !strings.Contains(err.Error(), c.wants)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
