package main

import (
	"io/fs"
	"os"

	"github.com/clipper/clipperops/internal/ops"
)

// migrationsIn opens a directory of migrations.
func migrationsIn(dir string) (fs.FS, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, &ops.Failure{
			Code:  ops.ExitUsage,
			What:  "there are no migrations at " + dir,
			State: []string{"nothing was touched"},
			Next:  []string{"name a directory of golang-migrate files with --path, or leave it out for the embedded ones"},
			Err:   err,
		}
	}
	return os.DirFS(dir), nil
}
