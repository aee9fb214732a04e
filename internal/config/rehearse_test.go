package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func rehearsalSources(t *testing.T, env, yaml string, environ ...string) Sources {
	t.Helper()
	dir := t.TempDir()
	if yaml != "" {
		if err := os.WriteFile(filepath.Join(dir, "clipperops.yaml"), []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Sources{
		Flags:   Flags{Environment: env},
		Environ: append([]string{"DATABASE_URL=postgres://clipper:pw@db.internal/clipper_db?sslmode=verify-full"}, environ...),
		Dir:     dir, Home: dir, Username: "alice",
	}
}

func TestRehearsalPlaceByEnvironment(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]RehearsalPlace{"staging": RehearseOnSame, "development": RehearseOnSame, "production": RehearseOnLocal} {
		c, err := Load(rehearsalSources(t, env, ""))
		if err != nil {
			t.Fatal(err)
		}
		if c.Rehearsal.Place != want || c.Rehearsal.Mode != RehearseSchema || c.Rehearsal.MayBeOff {
			t.Errorf("%s: %+v, want the place %s, schema, and not off", env, c.Rehearsal, want)
		}
	}
}

func TestRehearsalSources(t *testing.T) {
	t.Parallel()
	const yaml = "environments:\n  production:\n    rehearse: {mode: data, on: same, allow_off: true}\n"
	s := rehearsalSources(t, "production", yaml)
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Rehearsal{Mode: RehearseData, Place: RehearseOnSame, MayBeOff: true, Source: "clipperops.yaml (line 3)"}); fmt.Sprint(c.Rehearsal) != fmt.Sprint(want) {
		t.Errorf("clipperops.yaml gives %+v, want %+v", c.Rehearsal, want)
	}
	s.Environ = append(s.Environ, "REHEARSE_ON=local")
	s.Flags.Rehearse = "off"
	if c, err = Load(s); err != nil {
		t.Fatal(err)
	}
	if c.Rehearsal.Mode != RehearseOff || c.Rehearsal.Place != RehearseOnLocal {
		t.Errorf("the flag and the environment do not win: %+v", c.Rehearsal)
	}
}

func TestRehearsalServer(t *testing.T) {
	t.Parallel()
	const url = "postgres://thin:s3cr3t-canary@clones.internal:6000/postgres?sslmode=require"
	s := rehearsalSources(t, "production", "")
	s.Flags.RehearseOn = url
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rehearsal.Place != RehearseOnURL || c.Rehearsal.Server.Host != "clones.internal" || c.Rehearsal.Server.Password.Reveal() != "s3cr3t-canary" {
		t.Errorf("the server is not read: %+v", c.Rehearsal)
	}
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "--rehearse-on can be seen") {
		t.Errorf("no warning of a password in argv: %q", c.Warnings)
	}
	if said := strings.Join(c.Exposed, "\n"); !strings.Contains(said, "history") || !strings.Contains(said, "REHEARSE_ON") || !strings.Contains(said, "password_file") {
		t.Errorf("what is said at once: %q", c.Exposed)
	}
	if shown := fmt.Sprintf("%v %+v %#v %v", c.Settings, *c, *c, c.Warnings); strings.Contains(shown, "s3cr3t-canary") {
		t.Error("the password shows")
	}

	s.Flags.RehearseOn = "postgres://thin@clones.internal:6000/postgres?sslmode=require"
	if c, err = Load(s); err != nil || len(c.Warnings)+len(c.Exposed) > 0 {
		t.Errorf("without a password: %v, warnings %q", err, c.Warnings)
	}
	pass := filepath.Join(s.Dir, ".pgpass")
	if err := os.WriteFile(pass, []byte("clones.internal:6000:*:thin:from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Load(s); err != nil || c.Rehearsal.Server.Password.Reveal() != "from-file" {
		t.Errorf("the password file is not read: %v", err)
	}
}

func TestRehearsalSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{"mode: none", "on: somewhere", "on: 'postgres://u:s3cr3t-canary@/'", "allow_off: perhaps", "of: same"} {
		c, err := Load(rehearsalSources(t, "staging", "environments:\n  staging:\n    rehearse: {"+yaml+"}\n"))
		if err == nil {
			t.Errorf("%s is accepted", yaml)
			continue
		}
		if shown := fmt.Sprintf("%+v %v", err, c.Settings); strings.Contains(shown, "s3cr3t-canary") {
			t.Errorf("%s: the password shows: %s", yaml, shown)
		}
	}
}
