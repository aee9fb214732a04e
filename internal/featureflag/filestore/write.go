package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Backup is what is put behind the file's name for the content that it had before.
const Backup = ".clipperops-backup"

// Write sets one flag, if it still has the expected version. The new file is whole
// before it takes the old one's place, has its owner and its mode, and the old
// content is kept beside it.
func (s *Store) Write(ctx context.Context, change featureflag.Change) (featureflag.Flag, error) {
	path, err := filepath.EvalSymlinks(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return featureflag.Flag{}, fmt.Errorf("the flags' file %s does not exist; nothing was written", s.path)
	}
	if err != nil {
		return featureflag.Flag{}, fmt.Errorf("the flags' file cannot be found: %w; nothing was written", err)
	}
	unlock, err := lock(ctx, filepath.Dir(path))
	if err != nil {
		return featureflag.Flag{}, err
	}
	defer unlock()
	target := &Store{path: path, form: s.form}
	content, err := target.read()
	if err != nil {
		return featureflag.Flag{}, err
	}
	state, err := target.parse(content)
	if err != nil {
		return featureflag.Flag{}, fmt.Errorf("%w; nothing was written", err)
	}
	if have := state[change.Flag.Key]; have.Version != change.Expect {
		have.Key = change.Flag.Key
		return featureflag.Flag{}, &featureflag.Conflict{Have: have}
	}
	next, err := s.form.Edit(content, change.Flag)
	if err != nil {
		return featureflag.Flag{}, fmt.Errorf("%s: %w; nothing was written", path, err)
	}
	if err := replace(path, content, next); err != nil {
		return featureflag.Flag{}, err
	}
	written, err := target.parse(next)
	return written[change.Flag.Key], err
}

// lock keeps two writers apart, by the folder: the file itself is another one after
// each change. It waits for the other, who takes milliseconds.
func lock(ctx context.Context, folder string) (unlock func(), err error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("locking the flags' file: %w; nothing was written", err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			err := unix.Flock(int(dir.Fd()), unix.LOCK_EX)
			if !errors.Is(err, unix.EINTR) {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		if err != nil {
			_ = dir.Close()
			return nil, fmt.Errorf("locking the flags' file: %w; nothing was written", err)
		}
		return func() { _ = dir.Close() }, nil
	case <-ctx.Done():
		go func() { <-done; _ = dir.Close() }()
		return nil, fmt.Errorf("another tool holds the lock on %s; nothing was written", folder)
	}
}

// replace keeps the old content beside the file and puts the new one in its place.
func replace(path string, old, next []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("the flags' file: %w; nothing was written", err)
	}
	if err := put(path+Backup, old, info); err != nil {
		return fmt.Errorf("keeping the flags' file as it was: %w; nothing was written", err)
	}
	if err := put(path, next, info); err != nil {
		return fmt.Errorf("writing the flags' file: %w; it is as it was", err)
	}
	return nil
}

// put writes a file that is whole or absent, like another one in owner and mode.
func put(path string, content []byte, like os.FileInfo) error {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(like.Mode().Perm()), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }()
	if owner, ok := like.Sys().(*syscall.Stat_t); ok && (int(owner.Uid) != os.Geteuid() || int(owner.Gid) != os.Getegid()) {
		if err := file.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("its owner cannot be kept: %w", err)
		}
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}
