package rollback

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	archivePrefix  = "archive-"
	archiveSuffix  = ".zip"
	manifestSuffix = ".json"
	partialSuffix  = ".partial"
	nameLayout     = "20060102-150405"

	// nameTries is how many seconds ahead a free name is looked for.
	nameTries = 10
)

// partial is a file that is being written, under a name of its own and locked (flock) for
// as long as its writer lives: an unlocked one was left by a killed run.
type partial struct {
	*os.File
	dir  string
	name string // that it will have
}

// openArchive creates the file of an archive made at that time, or, when that name is
// taken, of the next second that is free.
func openArchive(dir string, at time.Time) (*partial, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	removeDead(dir)
	for i := range nameTries {
		stem := archivePrefix + at.UTC().Add(time.Duration(i)*time.Second).Format(nameLayout)
		p, err := openPartial(dir, stem+archiveSuffix, false)
		if err != nil {
			return nil, err
		}
		if p != nil && !exists(filepath.Join(dir, stem+manifestSuffix)) {
			return p, nil
		}
		if p != nil {
			p.discard()
		}
	}
	return nil, fmt.Errorf("the names of %d seconds are taken in %s: %w", nameTries, dir, fs.ErrExist)
}

// openPartial creates the file. It returns nil when another writes that name, or, unless
// it is to be replaced, when the name is taken.
func openPartial(dir, name string, replace bool) (*partial, error) {
	f, err := os.OpenFile(filepath.Join(dir, name+partialSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &partial{File: f, dir: dir, name: name}
	// Between creating and locking, another run that clears up after the dead may have taken
	// the file for theirs. Who published under this name let go of the .partial before, so what
	// is published is seen now.
	if !tryLock(f) || !p.named() {
		_ = f.Close() // it is another's, or nobody's, by now
		return nil, nil
	}
	if !replace && exists(p.final()) {
		p.discard()
		return nil, nil
	}
	return p, nil
}

// named reports whether the open file is still the one of that name.
func (p *partial) named() bool {
	opened, err := p.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(p.Name())
	return err == nil && os.SameFile(opened, there)
}

func (p *partial) final() string { return filepath.Join(p.dir, p.name) }

// publish gives the complete file its name, durably.
func (p *partial) publish() error {
	if err := p.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.Name(), p.final()); err != nil {
		return err
	}
	if err := syncDir(p.dir); err != nil {
		return err
	}
	return p.Close()
}

// discard removes the unfinished file.
func (p *partial) discard() {
	_ = os.Remove(p.Name()) // what stays is removed by the next run
	_ = p.Close()           // nothing of it is needed any more
}

// removeDead removes the unfinished archives of killed runs.
func removeDead(dir string) {
	paths, _ := filepath.Glob(filepath.Join(escapeGlob(dir), archivePrefix+"*"+partialSuffix)) // the pattern is well formed
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if tryLock(f) {
			_ = os.Remove(path) // it is in nobody's way either
		}
		_ = f.Close() // only opened for the lock
	}
}

// tryLock takes the file's lock unless another has it. On a file system without locks it
// is taken to be free: the exclusive name still keeps two writers apart.
func tryLock(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return !errors.Is(err, syscall.EWOULDBLOCK)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

var globEscapes = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

func escapeGlob(path string) string { return globEscapes.Replace(path) }
