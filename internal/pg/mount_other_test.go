//go:build !linux

package pg_test

import (
	"errors"
	"os"
)

// mountSmall mounts nothing here.
func mountSmall(string) error { return errors.ErrUnsupported }

func unmount(string) error { return nil }

func fileOwner(os.FileInfo) (int, bool) { return 0, false }

func freeBytes(string) (int64, error) { return 0, errors.ErrUnsupported }
