package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Suffix ends the name of a file until it is complete.
const Suffix = ".partial"

// File is a file that is being written, for its owner alone (0600). It ends with
// Publish or Discard; Discard does nothing after either, so it can be deferred.
type File struct {
	file *os.File
	path string
}

// Replace begins the file of that path, which takes the place of one that is
// there already. An error that is fs.ErrExist says that another process writes it.
func Replace(path string) (*File, error) {
	removeDead(path + Suffix)
	f, err := begin(path)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another process writes %s: %w", path, err)
	}
	return f, err
}

// begin makes the unfinished file and locks it.
func begin(path string) (*File, error) {
	for {
		f, err := os.OpenFile(path+Suffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		lock(f)
		if sameFile(f, path+Suffix) {
			return &File{file: f, path: path}, nil
		}
		_ = f.Close() // who clears up after the dead was quicker than the lock and took it for theirs
	}
}

// Path is the name the file will have.
func (f *File) Path() string { return f.path }

// Unfinished is where the file lies until it is published.
func (f *File) Unfinished() string { return f.path + Suffix }

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) { return f.file.Write(p) }

// Sync brings to the disk what has been written.
func (f *File) Sync() error { return f.file.Sync() }

// Publish gives the complete file its name, durably. After an error there is
// nothing under that name, nor under the unfinished one.
func (f *File) Publish() error {
	err := f.file.Sync()
	if err == nil {
		err = os.Rename(f.Unfinished(), f.path)
	}
	if err != nil {
		f.Discard()
		return err
	}
	if err = SyncDir(filepath.Dir(f.path)); err != nil && sameFile(f.file, f.path) {
		_ = os.Remove(f.path) // not durable, so not there
	}
	_ = f.file.Close() // synced before; only the lock goes with it
	return err
}

// Discard removes the unfinished file, unless the name is another's by now.
func (f *File) Discard() {
	if sameFile(f.file, f.Unfinished()) {
		_ = os.Remove(f.Unfinished()) // what stays is removed by the next writer
	}
	_ = f.file.Close() // nothing of it is needed any more
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}
