package wholefile

import (
	"os"
	"path/filepath"
	"strings"
)

// RemoveDead removes the unfinished files that killed writers left in a directory
// and returns their names. ours is asked about the name that such a file would
// have had: those of others are left alone.
func RemoveDead(dir string, ours func(name string) bool) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // what keeps the next file from being written says so then
	}
	var removed []string
	for _, e := range entries {
		name, unfinished := strings.CutSuffix(e.Name(), Suffix)
		if unfinished && ours(name) && removeDead(filepath.Join(dir, e.Name())) {
			removed = append(removed, e.Name())
		}
	}
	return removed
}

// Dead reports whether the writer of an unfinished file is gone.
func Dead(path string) bool {
	f, dead := claimDead(path)
	if dead {
		_ = f.Close() // only opened for the lock
	}
	return dead
}

func removeDead(path string) bool {
	f, dead := claimDead(path)
	if !dead {
		return false
	}
	removed := os.Remove(path) == nil // while the lock is held
	_ = f.Close()
	return removed
}

// claimDead locks an unfinished file whose writer is gone. The caller closes it.
func claimDead(path string) (f *os.File, dead bool) {
	f, err := openToLock(path)
	if err != nil {
		return nil, false
	}
	if !tryLock(f) || !sameFile(f, path) {
		_ = f.Close()
		return nil, false
	}
	return f, true
}
