package main

import "syscall"

// mountSmall mounts a disk of 16 MB; only root may.
func mountSmall(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=16m,mode=0700")
}
