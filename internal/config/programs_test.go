package config

import (
	"path/filepath"
	"testing"
)

// TestProgramsMayBeInAContainer guards against "docker:NAME" being taken for a
// directory below the working directory.
func TestProgramsMayBeInAContainer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for given, want := range map[string]string{
		"docker:clipperops-sandbox":  "docker:clipperops-sandbox",
		"bin":                        filepath.Join(dir, "bin"),
		"/usr/lib/postgresql/15/bin": "/usr/lib/postgresql/15/bin",
	} {
		c, err := Load(Sources{Environ: []string{"PG_PROGRAMS=" + given}, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if c.PgPrograms != want {
			t.Errorf("%s became %s, want %s", given, c.PgPrograms, want)
		}
	}
}
