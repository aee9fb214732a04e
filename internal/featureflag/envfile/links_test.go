package envfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
)

// TestWhatLeadsToTheFileIsFollowed: a change shows at once, without the poll, also
// where it happens on the way to the file and not in its own folder.
func TestWhatLeadsToTheFileIsFollowed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		links  map[string]string // name → where it leads to
		open   string
		change func(t *testing.T, base string, seen <-chan report)
	}{
		"a link in the middle":    {map[string]string{"a/f": "../b/f", "b/f": "../off/f"}, "a/f", swap("b/f", "../on/f")},
		"a folder that is a link": {map[string]string{"current": "off"}, "current/f", swap("current", "on")},
		"a link to a whole path":  {map[string]string{"current": "/off"}, "current/f", swap("current", "/on")},
		"a link above a folder":   {map[string]string{"current": "deep/off"}, "current/etc/f", swap("current", "deep/on")},
		"a folder that is renamed": {nil, "off/f", func(t *testing.T, base string, _ <-chan report) {
			rename(t, base, "off", "before")
			rename(t, base, "on", "off")
		}},
		"a folder that was gone": {nil, "off/f", func(t *testing.T, base string, seen <-chan report) {
			rename(t, base, "off", "before")
			await(t, seen, "that there is no file", func(r report) bool { return errors.Is(r.err, fs.ErrNotExist) })
			rename(t, base, "on", "off")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			for folder, enabled := range map[string]string{"off": "false", "on": "true", "deep/off/etc": "false", "deep/on/etc": "true", "a": "", "b": ""} {
				folder = filepath.Join(base, folder)
				if err := os.MkdirAll(folder, 0o700); err != nil {
					t.Fatal(err)
				}
				if enabled == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(folder, "f"), []byte("FEATURE_A="+enabled+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for link, target := range c.links {
				lead(t, base, link, target)
			}
			seen := make(chan report, 100)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				envfile.Open(filepath.Join(base, c.open)).Poll(time.Hour).Watch(ctx, func(s featureflag.State, err error) { seen <- report{s["a"], err} })
			}()
			defer func() { stop(); <-done }()
			if f := (<-seen).flag; f.Enabled || f.Version == 0 {
				t.Fatalf("it begins as %s", f)
			}
			c.change(t, base, seen)
			await(t, seen, "the change", func(r report) bool { return r.flag.Enabled })
		})
	}
}

// report is what a watch tells: the flag, or why it cannot be read.
type report struct {
	flag featureflag.Flag
	err  error
}

// await reads reports until one is as it is to be.
func await(t *testing.T, seen <-chan report, what string, is func(report) bool) {
	t.Helper()
	for limit := time.After(2 * time.Minute); ; {
		select {
		case r := <-seen:
			if is(r) {
				return
			}
		case <-limit:
			t.Fatalf("not noticed: %s", what)
		}
	}
}

// swap makes a link lead elsewhere, at once.
func swap(link, target string) func(*testing.T, string, <-chan report) {
	return func(t *testing.T, base string, _ <-chan report) {
		lead(t, base, link+".next", target)
		rename(t, base, link+".next", link)
	}
}

// lead makes a link; a target that begins with / is in base.
func lead(t *testing.T, base, link, target string) {
	t.Helper()
	if filepath.IsAbs(target) {
		target = filepath.Join(base, target)
	}
	if err := os.Symlink(target, filepath.Join(base, link)); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, base, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(base, from), filepath.Join(base, to)); err != nil {
		t.Fatal(err)
	}
}
