//go:build !linux

package main

import "errors"

// mountSmall mounts nothing here.
func mountSmall(string) error { return errors.ErrUnsupported }
