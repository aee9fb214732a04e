package pg_test

import (
	"os"
	"syscall"
)

// mountSmall mounts a disk of 32 MB, with room for three empty databases and a
// half; only root may.
func mountSmall(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=32m,mode=0777")
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// fileOwner is the user whom a file belongs to.
func fileOwner(info os.FileInfo) (int, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// freeBytes is the room on a disk.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return int64(s.Bavail) * s.Bsize, err
}
