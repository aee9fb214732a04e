//go:build linux || darwin || freebsd

package preflight

import "golang.org/x/sys/unix"

// mayWrite asks the system whether files can be made in dir, read-only file
// systems and access lists included.
func mayWrite(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }

// freeBytes is the space that is left to users who are not root.
func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}
