package wholefile

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock of a file that was just made. Another can have it for the
// moment that it takes to see whether the writer is dead. A file system without
// locks is none to worry about: the exclusive name keeps two writers apart, and
// there tryLock fails, so that nobody is taken for dead.
func lock(f *os.File) {
	for errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX), syscall.EINTR) {
		continue // a signal
	}
}

// tryLock takes the lock or fails at once.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// openToLock opens a file for nothing but its lock. It follows no symbolic link,
// and does not wait for the other end of a pipe.
func openToLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
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
