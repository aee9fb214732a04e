//go:build !linux

package backup_test

import "errors"

func mountTmpfs(string, string) error { return errors.ErrUnsupported }
