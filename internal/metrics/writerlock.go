package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Busy says that another process keeps samples in the folder.
type Busy struct {
	Dir    string
	Holder string // "pid 4711 on web-1 since 2026-07-01T12:00:00Z"; "" when it does not say
}

func (e *Busy) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "another process"
	}
	return fmt.Sprintf("%s keeps its samples in %s; nothing was changed; stop it, or choose another folder", holder, e.Dir)
}

// writerLock is a file that one process at a time holds. The system releases it
// when that process ends, however it ends; the file stays.
type writerLock struct{ file *os.File }

func lockWriter(dir string) (*writerLock, error) {
	path := filepath.Join(dir, "writer")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		raw := make([]byte, 300)
		n, _ := f.Read(raw)
		return nil, &Busy{Dir: dir, Holder: strings.TrimSpace(plain(string(raw[:n]), 200))}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	who := fmt.Sprintf("pid %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := errors.Join(f.Truncate(0), writeAtStart(f, who)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &writerLock{file: f}, nil
}

func writeAtStart(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// release gives the lock up.
// release gives the lock up by name: a child that is just being started has the file open
// too for a moment, and closing ours would leave the lock with it.
func (l *writerLock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}
