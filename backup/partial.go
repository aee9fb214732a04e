package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// nameTries is how many seconds ahead a free name is looked for.
const nameTries = 10

// partial is a dump that is being written. Its file is locked (flock) for as
// long as its writer lives: an unlocked one was left by a killed run.
type partial struct {
	file *os.File
	dir  string
	stem string
}

// openPartial creates the file of a backup taken at that time, or, when another
// backup has that name, of the next second that is free.
func openPartial(dir string, at time.Time) (*partial, error) {
	for i := range nameTries {
		p := &partial{dir: dir, stem: stem(at.Add(time.Duration(i) * time.Second))}
		ok, err := p.create()
		if err != nil {
			return nil, err
		}
		if ok {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s and the names of the %d seconds after it are taken: %w", inDir(dir, stem(at), dumpSuffix), nameTries-1, fs.ErrExist)
}

// create reports false when the name is taken.
func (p *partial) create() (bool, error) {
	f, err := os.OpenFile(p.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.file = f
	locked := tryFlock(f)
	if locked != nil && !errors.Is(locked, syscall.EWOULDBLOCK) {
		locked = nil // a file system without locks; O_EXCL still keeps two apart
	}
	// Between creating and locking, somebody who clears up after the dead may
	// have taken the file for theirs. And whoever published under this name let
	// go of the .partial before, so what is published is seen now.
	if locked != nil || !sameFile(f, p.path()) || exists(p.final()) || exists(p.manifest()) {
		p.discard()
		return false, nil
	}
	return true, nil
}

func (p *partial) path() string     { return inDir(p.dir, p.stem, partialSuffix) }
func (p *partial) final() string    { return inDir(p.dir, p.stem, dumpSuffix) }
func (p *partial) manifest() string { return inDir(p.dir, p.stem, manifestSuffix) }

// publish gives the complete file its name, durably. The lock is let go last.
func (p *partial) publish() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.path(), p.final()); err != nil {
		return err
	}
	if err := syncDir(p.dir); err != nil {
		_ = os.Remove(p.final()) // not durable, so not a backup
		return err
	}
	return p.file.Close()
}

// discard removes the unfinished file, unless the name is another's by now.
func (p *partial) discard() {
	if sameFile(p.file, p.path()) {
		_ = os.Remove(p.path()) // what stays is seen by List and removed by the next Create
	}
	_ = p.file.Close() // nothing of it is needed any more
}

// removeDead removes the unfinished files of killed runs and returns their names.
func removeDead(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var removed []string
	for _, e := range entries {
		if _, ok := takenAt(e.Name(), partialSuffix); !ok {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if f, dead := claimDead(path); dead {
			if os.Remove(path) == nil {
				removed = append(removed, e.Name())
			}
			_ = f.Close()
		}
	}
	return removed
}

// claimDead locks an unfinished file whose writer is gone. The caller closes it.
func claimDead(path string) (f *os.File, dead bool) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false
	}
	if tryFlock(f) != nil || !sameFile(f, path) {
		_ = f.Close()
		return nil, false
	}
	return f, true
}

// tryFlock takes the lock or fails at once.
func tryFlock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// sameFile reports whether the open file is still the one of that name.
func sameFile(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, named)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
