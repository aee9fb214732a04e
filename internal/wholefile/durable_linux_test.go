package wholefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Guards against taking for saved what a crash of the machine would take away.
func TestWhatIsNotDurableIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := replace(t, filepath.Join(dir, "a"), "x")
	if err := os.Chmod(dir, 0o300); err != nil { // it can be written to, and not be opened for its fsync
		t.Fatal(err)
	}
	if err := unprivileged(f.Publish); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("published: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{})
}

// unprivileged runs do as root without root's right to every file.
func unprivileged(do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with what it may not do
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var rights [2]unix.CapUserData
		err := unix.Capget(&header, &rights[0])
		if err == nil {
			rights[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
			err = unix.Capset(&header, &rights[0])
		}
		if err == nil {
			err = do()
		}
		result <- err
	}()
	return <-result
}
