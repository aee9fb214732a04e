package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Directories of servers without one of their own are called tempPrefix and
// something random; newPrefix while they are being made.
const (
	tempPrefix = "clipperops-pg-"
	newPrefix  = ".clipperops-new-"
)

// ownerFile in such a directory is locked by the process it belongs to.
const ownerFile = "owner"

// makeTempDir makes a new directory, owned by this process, in the first of the
// places that the account can reach. What killed processes left there goes first.
func (a *account) makeTempDir(ctx context.Context, places ...string) (string, *fileLock, error) {
	var failed error
	for _, place := range places {
		if at := a.unreachable(filepath.Join(place, "x")); at != "" {
			failed = a.cannotReach(place, at)
			continue
		}
		a.sweep(ctx, place)
		dir, owner, err := a.makeOwned(place)
		if err == nil {
			return dir, owner, nil
		}
		failed = err
	}
	return "", nil, failed
}

// makeOwned makes the directory under another name first, so that it is locked
// from the moment a sweep can see it.
func (a *account) makeOwned(place string) (string, *fileLock, error) {
	fresh, err := os.MkdirTemp(place, newPrefix+"*")
	if err != nil {
		return "", nil, err
	}
	dir := filepath.Join(place, tempPrefix+strings.TrimPrefix(filepath.Base(fresh), newPrefix))
	owner, err := lockFile(filepath.Join(fresh, ownerFile))
	if err == nil {
		err = a.give(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(fresh))
	}
	owner.path = filepath.Join(dir, ownerFile)
	return dir, owner, nil
}

// sweep removes the servers in place whose owner was killed.
func (a *account) sweep(ctx context.Context, place string) {
	left, _ := filepath.Glob(filepath.Join(place, tempPrefix+"*")) // the pattern is well-formed
	for _, dir := range left {
		if !a.ours(dir) {
			continue
		}
		owner, err := lockFile(filepath.Join(dir, ownerFile))
		if err != nil {
			continue // its owner lives
		}
		_ = discard(ctx, dir) // the next sweep tries again
		owner.close()
	}
	unfinished, _ := filepath.Glob(filepath.Join(place, newPrefix+"*"))
	for _, dir := range unfinished {
		if info, err := os.Lstat(dir); err == nil && a.ours(dir) && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

// ours reports whether dir is a directory that belongs to us or the account:
// in a temporary directory everybody can make one that is named like ours.
func (a *account) ours(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(stat.Uid) == os.Geteuid() || a != nil && stat.Uid == a.uid)
}
