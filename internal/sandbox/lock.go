package sandbox

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
)

// fileLock is a file that one process at a time holds; the system releases it
// when that process ends, however it ends. It is a bare descriptor: an os.File
// would be closed, and the lock lost, when nobody refers to it any more.
type fileLock struct {
	fd   int
	path string
}

// errLocked says that another process holds a fileLock.
var errLocked = errors.New("held by another process")

// lockFile takes the lock, making the file when it is not there.
func lockFile(path string) (*fileLock, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		l := &fileLock{fd: fd, path: path}
		if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			l.close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, errLocked
			}
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		// Who held it before may have removed the file meanwhile: then this lock
		// is on a file that nobody else will ever open.
		var mine, there syscall.Stat_t
		if syscall.Fstat(fd, &mine) != nil || syscall.Stat(path, &there) != nil || mine.Ino != there.Ino {
			l.close()
			continue
		}
		return l, l.sign()
	}
}

// sign writes our process id into the file, for those who find it locked.
func (l *fileLock) sign() error {
	if err := syscall.Ftruncate(l.fd, 0); err != nil {
		return &os.PathError{Op: "truncate", Path: l.path, Err: err}
	}
	if _, err := syscall.Pwrite(l.fd, []byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return &os.PathError{Op: "write", Path: l.path, Err: err}
	}
	return nil
}

// release gives the lock up, its file removed.
func (l *fileLock) release() {
	if l == nil || l.fd < 0 {
		return
	}
	_ = os.Remove(l.path) // while the lock is held; gone already is fine
	l.close()
}

func (l *fileLock) close() {
	if l.fd < 0 {
		return // closed before; the number may be another file's by now
	}
	_ = syscall.Close(l.fd) // the lock goes with it
	l.fd = -1
}

// lockDir takes the lock on a sandbox's directory, which lies beside it.
func lockDir(dir string) (*fileLock, error) {
	path := dir + ".lock"
	l, err := lockFile(path)
	if !errors.Is(err, errLocked) {
		return l, err
	}
	who := ""
	if raw, err := os.ReadFile(path); err == nil && len(raw) > 0 {
		who = " (pid " + strings.TrimSpace(string(raw)) + ")"
	}
	return nil, &ops.Failure{
		Code:  ops.ExitBusy,
		What:  "another clipperops is starting or stopping the sandbox in " + dir + who,
		State: []string{"nothing was changed"},
		Next:  []string{"wait for it to end, or choose another directory with --dir"},
		Err:   errLocked,
	}
}
