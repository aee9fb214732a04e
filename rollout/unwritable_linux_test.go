package rollout

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/filestore"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
)

// nobody is a user who owns nothing.
const nobody = 65534

// underprivileged writes as a user whom a folder's mode stops. Root's own writes pass
// any: then the thread takes another user's rights to files while it writes.
type underprivileged struct{ featureflag.Writer }

func (u underprivileged) Write(ctx context.Context, c featureflag.Change) (featureflag.Flag, error) {
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		if err := unix.Setfsuid(nobody); err != nil {
			return featureflag.Flag{}, err // the thread stays locked, and ends with its goroutine
		}
		defer func() {
			if unix.Setfsuid(0) == nil {
				runtime.UnlockOSThread()
			}
		}()
	}
	return u.Writer.Write(ctx, c)
}

// open is a folder that everybody may look into, and only its owner write to.
func open(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, one := range []string{filepath.Dir(folder), folder} {
		if err := os.Chmod(one, 0o755); err != nil { //nolint:gosec // nobody is to look into it
			t.Fatal(err)
		}
	}
	return folder
}

// How a file comes to be one that cannot be written: it does, and back.
var unwritable = map[string]struct {
	is  func(t *testing.T, path string) (mended func())
	err error
}{
	"its folder is read-only": {func(t *testing.T, path string) func() {
		mode := func(m os.FileMode) {
			if err := os.Chmod(filepath.Dir(path), m); err != nil {
				t.Fatal(err)
			}
		}
		mode(0o555)
		t.Cleanup(func() { mode(0o755) })
		return func() { mode(0o777) } // for nobody too
	}, fs.ErrPermission},
	"the name of its backup is a folder's": {func(t *testing.T, path string) func() {
		if err := os.Chmod(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // nobody is to write to it
			t.Fatal(err)
		}
		backup := path + filestore.Backup
		if err := errors.Join(os.RemoveAll(backup), os.Mkdir(backup, 0o700)); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Remove(backup); err != nil {
				t.Fatal(err)
			}
		}
	}, unix.EEXIST},
}

var fileStores = map[string]struct {
	open    func(path string) featureflag.Writer
	content string
}{
	"envfile": {func(path string) featureflag.Writer { return envfile.Open(path, flagKey) }, "OTHER=1\n"},
	"flagd":   {func(path string) featureflag.Writer { return flagd.Open(path, flagKey) }, `{"flags": {}}` + "\n"},
}

// newUnprivilegedWorld is one whose flag is in a file that nobody owns.
func newUnprivilegedWorld(t *testing.T, store, content string) (*world, string) {
	t.Helper()
	w, _ := newFileWorld(t)
	path := filepath.Join(open(t), "flags")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, nobody, 0); err != nil { // as its own a new file may be given to
			t.Fatal(err)
		}
	}
	w.store = fileStores[store].open(path)
	return w, path
}

// A change that the store's file does not take is not made: neither the file nor the
// record say anything else, and the same command goes through when the file takes it.
func TestAFileThatCannotBeWrittenKeepsTheFlag(t *testing.T) {
	t.Parallel()
	for store, kind := range fileStores {
		for way, fault := range unwritable {
			t.Run(store+", "+way, func(t *testing.T) {
				t.Parallel()
				w, path := newUnprivilegedWorld(t, store, kind.content)
				c := w.operator("alice")
				w.sets(c, percent(10), "10%")
				before, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				c.Store = underprivileged{w.store}
				mended := fault.is(t, path)
				for _, change := range []Change{
					{Kind: KindAdvance, To: percent(50), Phase: "50%"}, {Kind: KindOff}, {Kind: KindUsers, To: Exposure{true, 1000, []string{"a"}}, Phase: "10%"},
				} {
					d, err := c.Do(t.Context(), w.look(c), change, nil)
					if !errors.Is(err, fault.err) || !strings.Contains(err.Error(), "nothing was written") || d.Followed.Took != 0 {
						t.Errorf("%s: %+v, %v", change.Kind, d, err)
					}
					v := w.look(c)
					if v.State.Pending != nil || v.State.Phase != "10%" || !v.Actual().Same(percent(10)) || v.Drifted() || v.Note != "" || len(w.history(c)) != 1 {
						t.Errorf("after %s: %+v", change.Kind, v)
					}
				}
				if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
					t.Errorf("the file is %q, was %q, %v", after, before, err)
				}
				if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
					t.Errorf("left in the folder are %q, %v", left, err)
				}
				mended()
				w.sets(c, Exposure{}, "")
				if v := w.look(c); v.Actual().Enabled || v.Drifted() || len(w.history(c)) != 2 {
					t.Errorf("%+v", v)
				}
			})
		}
	}
}

// A rollback that the file does not take is told, and made with the next tick that can.
func TestARollbackThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	t.Parallel()
	world, path := newUnprivilegedWorld(t, "envfile", fileStores["envfile"].content)
	world.sets(world.operator("alice"), percent(50), "50%")
	w := &watched{world: world, src: &memory{}}
	w.src.scrape(noon, allOf, 0)
	w.src.scrape(noon, badOf, 0)
	w.watcher = w.begin(rules(false))
	w.watcher.Controller.Store = underprivileged{w.store}
	mended := unwritable["its folder is read-only"].is(t, path)
	var r Report
	for range 25 {
		w.clock.advance(15 * time.Second)
		w.src.scrape(w.clock.Now(), allOf, 20)
		w.src.scrape(w.clock.Now(), badOf, 4)
		var err error
		if r, err = w.watcher.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if r.Fired != "critical" || !errors.Is(r.Failed, fs.ErrPermission) {
		t.Fatalf("%q, %v", r.Fired, r.Failed)
	}
	if v := w.look(w.operator("alice")); !v.Actual().Same(percent(50)) || v.State.Halted != nil || v.State.Pending != nil || v.Drifted() {
		t.Errorf("%+v", v)
	}
	mended()
	if r = w.tick(4, 20); r.Fired != "critical" || r.View.Actual().Enabled || r.View.State.Halted == nil {
		t.Errorf("%q: %+v", r.Fired, r.View)
	}
}
