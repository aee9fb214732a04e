package wholefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/wholefile"
)

// replace begins a file and writes text to it.
func replace(t *testing.T, path, text string) *wholefile.File {
	t.Helper()
	f, err := wholefile.Replace(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, text)
	return f
}

func write(t *testing.T, f *wholefile.File, text string) {
	t.Helper()
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, f *wholefile.File) {
	t.Helper()
	if err := f.Publish(); err != nil {
		t.Fatal(err)
	}
}

// put makes a file that no writer has a lock on.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// holds compares a directory with name → text.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

func TestAFileGetsItsNameOnlyWhenItIsComplete(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := replace(t, filepath.Join(dir, "a"), "whole")
	holds(t, dir, map[string]string{"a.partial": "whole"})
	publish(t, f)
	holds(t, dir, map[string]string{"a": "whole"})
	info, err := os.Stat(f.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, error %v", info.Mode(), err)
	}
}

func TestWhatIsDiscardedLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	replace(t, filepath.Join(dir, "a"), "half").Discard()
	holds(t, dir, map[string]string{})
}

// Guards the callers' deferred Discard.
func TestDiscardAfterPublishChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := replace(t, filepath.Join(dir, "a"), "first")
	publish(t, first)
	second := replace(t, first.Path(), "second")
	first.Discard()
	holds(t, dir, map[string]string{"a": "first", "a.partial": "second"})
	publish(t, second)
	second.Discard()
	holds(t, dir, map[string]string{"a": "second"})
}

// Guards against taking away the file of somebody who has the name by now.
func TestDiscardLeavesWhatIsAnothers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := replace(t, filepath.Join(dir, "a"), "mine")
	if err := os.Remove(f.Unfinished()); err != nil {
		t.Fatal(err)
	}
	put(t, f.Unfinished(), "another's")
	f.Discard()
	holds(t, dir, map[string]string{"a.partial": "another's"})
}

func TestWhatCannotBePublishedLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := replace(t, filepath.Join(dir, "a"), "x")
	if err := os.Mkdir(f.Path(), 0o700); err != nil { // no file takes the place of a directory
		t.Fatal(err)
	}
	if err := f.Publish(); err == nil {
		t.Error("published over a directory")
	}
	if err := os.Remove(f.Path()); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{})
}

func TestOnlyOneProcessWritesAFile(t *testing.T) {
	t.Parallel()
	f := replace(t, filepath.Join(t.TempDir(), "a"), "x")
	defer f.Discard()
	_, err := wholefile.Replace(f.Path())
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "another process writes "+f.Path()) {
		t.Error(err)
	}
}

// Guards against a killed writer's file being in the way of that name for ever.
func TestTheFileOfADeadWriterIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.partial"), "half")
	publish(t, replace(t, filepath.Join(dir, "a"), "whole"))
	holds(t, dir, map[string]string{"a": "whole"})
}

// Guards against writing through a symbolic link that somebody laid.
func TestALinkInTheWayIsNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	put(t, elsewhere, "")
	if err := os.Symlink(elsewhere, filepath.Join(dir, "a.partial")); err != nil {
		t.Fatal(err)
	}
	if _, err := wholefile.Replace(filepath.Join(dir, "a")); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if wholefile.Dead(filepath.Join(dir, "a.partial")) {
		t.Error("the link is taken for an unfinished file")
	}
	holds(t, dir, map[string]string{"a.partial": ""})
}

func TestJSONIsIndentedAndReplacesWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "m.json")
	put(t, path, "old")
	if err := wholefile.WriteJSON(path, map[string]int{"rows": 3}); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{"m.json": "{\n  \"rows\": 3\n}\n"})
	if err := wholefile.WriteJSON(path, make(chan int)); err == nil {
		t.Error("a channel is JSON")
	}
	holds(t, dir, map[string]string{"m.json": "{\n  \"rows\": 3\n}\n"})
}
