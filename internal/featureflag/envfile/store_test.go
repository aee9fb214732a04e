package envfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
)

func lines(f featureflag.Flag) string {
	e, p, u := featureflag.Variables(f.Key)
	return fmt.Sprintf("DB_HOST=db\n%s=%t\n%s=%s\n%s=%s\n", e, f.Enabled, p, f.Percentage, u, strings.Join(f.Users(), ","))
}

// How a file changes on real machines.
var ways = map[string]func(t *testing.T, path, content string){
	"written in place": func(t *testing.T, path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	},
	"renamed into place": func(t *testing.T, path, content string) {
		next := path + ".next"
		if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	},
	"deleted and made again": func(t *testing.T, path, content string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	},
	// As Kubernetes projects a ConfigMap: path → ..data/name, ..data → a folder.
	"a link that is swapped": func(t *testing.T, path, content string) {
		folder, name := filepath.Dir(path), filepath.Base(path)
		version, err := os.MkdirTemp(folder, "..version")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(version, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Base(version), filepath.Join(folder, "..next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, "..next"), filepath.Join(folder, "..data")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink == 0 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join("..data", name), path); err != nil {
				t.Fatal(err)
			}
		}
	},
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			featureflagtest.Run(t, func(t *testing.T) featureflagtest.Bench {
				path := filepath.Join(t.TempDir(), ".env")
				if err := os.WriteFile(path, []byte("DB_HOST=db\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				return featureflagtest.Bench{
					Store: envfile.Open(path).Poll(time.Hour), // what is noticed must be enough
					Put:   func(t *testing.T, f featureflag.Flag) { way(t, path, lines(f)) },
					Break: func(t *testing.T) func() {
						way(t, path, "FEATURE_TWITCH_MODERATION=maybe\n")
						return func() {}
					},
				}
			})
		})
	}
}

// TestOnlyTheThreeVariablesAreTouched: comments, order, quotes, line ends, other
// variables and duplicates stay byte for byte, and the old content is kept.
func TestOnlyTheThreeVariablesAreTouched(t *testing.T) {
	t.Parallel()
	const e, p, u = "FEATURE_TWITCH_MODERATION", "FEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE", "FEATURE_TWITCH_MODERATION_ENABLED_USERS"
	for name, c := range map[string]struct{ before, after string }{
		"plain":       {"A=1\n" + e + "=false\n" + p + "=0\n" + u + "=\nB=2\n", "A=1\n" + e + "=true\n" + p + "=12.5\n" + u + "=a,b\nB=2\n"},
		"comments":    {"# top\n" + e + "=false # why\n#" + p + "=99\n\n" + p + "=0   # later\n" + u + "=x\n# end", "# top\n" + e + "=true # why\n#" + p + "=99\n\n" + p + "=12.5   # later\n" + u + "=a,b\n# end"},
		"quotes":      {"export " + e + "=\"false\"\n" + p + "='0'\n" + u + "=\"x y\"\n", "export " + e + "=\"true\"\n" + p + "='12.5'\n" + u + "=\"a,b\"\n"},
		"CRLF":        {"A=1\r\n" + e + "=false\r\n" + p + "=0\r\n" + u + "=\r\n", "A=1\r\n" + e + "=true\r\n" + p + "=12.5\r\n" + u + "=a,b\r\n"},
		"missing":     {"A=1", "A=1\n" + e + "=true\n" + p + "=12.5\n" + u + "=a,b\n"},
		"twice":       {e + "=true\n" + e + "=false\n" + p + "=0\n" + u + "=\n", e + "=true\n" + e + "=true\n" + p + "=12.5\n" + u + "=a,b\n"},
		"other names": {"X_" + e + "=false\n" + e + "_X=false\n" + e + "=false\n" + p + "=1\n" + u + "=\n", "X_" + e + "=false\n" + e + "_X=false\n" + e + "=true\n" + p + "=12.5\n" + u + "=a,b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			real, path := filepath.Join(folder, "real.env"), filepath.Join(folder, ".env")
			if err := os.WriteFile(real, []byte(c.before), 0o640); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("real.env", path); err != nil {
				t.Fatal(err)
			}
			store := envfile.Open(path)
			state, err := store.Load(t.Context())
			if err != nil && name != "quotes" {
				t.Fatal(err)
			}
			if name == "quotes" { // "x y" is no list of users: it is refused, and nothing is touched
				if _, err := store.Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 1250, "a", "b")}); err == nil {
					t.Error("a file with junk in it is written over")
				}
				wantContent(t, real, c.before)
				return
			}
			if _, err := store.Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 1250, "a", "b"), Expect: state["twitch_moderation"].Version}); err != nil {
				t.Fatal(err)
			}
			wantContent(t, real, c.after)
			wantContent(t, real+envfile.Backup, c.before)
			if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
				t.Error("the link was replaced by a file")
			}
			if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("its mode is now %v", info.Mode())
			}
		})
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds\n%q, want\n%q (%v)", filepath.Base(path), got, want, err)
	}
}

// TestAFileThatCannotBeReplacedIsAsItWas: the folder takes no new file.
func TestAFileThatCannotBeReplacedIsAsItWas(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, ".env")
	if err := os.WriteFile(path, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	if _, err := envfile.Open(path).Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 1)}); err == nil {
		t.Error("it was written")
	}
	wantContent(t, path, "A=1\n")
}
