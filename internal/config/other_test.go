package config

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOtherTarget guards against sending one database's password to another.
func TestOtherTarget(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(".pgpass", "db.other:5432:shop:clipper:from-home\n")
	elsewhere := write("passwords", "db.other:5432:shop:clipper:from-elsewhere\n")
	const url = "postgres://clipper@db.other/shop"
	for name, c := range map[string]struct {
		url     string
		environ []string
		want    string
	}{
		"in the URL":            {"postgres://clipper:own@db.other/shop", nil, "own"},
		"in ~/.pgpass":          {url, nil, "from-home"},
		"in PGPASSFILE":         {url, []string{"PGPASSFILE=" + elsewhere}, "from-elsewhere"},
		"of the settings alone": {"postgres://clipper@db.third/shop", []string{"DB_PASSWORD=ours", "PGPASSWORD=ours", "DATABASE_URL=postgres://clipper:ours@db.third/shop"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := OtherTarget(c.url, Sources{Environ: c.environ, Home: home})
			if err != nil || got.Password.Reveal() != c.want {
				t.Errorf("password %q, %v; want %q", got.Password.Reveal(), err, c.want)
			}
		})
	}
	if _, err := OtherTarget("mysql://u@h/d", Sources{}); err == nil {
		t.Error("another database's URL is taken")
	}
}
