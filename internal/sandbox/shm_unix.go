//go:build linux || darwin

package sandbox

import "golang.org/x/sys/unix"

// removeSegment takes away the System V segment that a killed server left,
// after making sure that this server made it.
func (p postmaster) removeSegment() {
	if p.shmID < 0 {
		return
	}
	var desc unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(p.shmID, unix.IPC_STAT, &desc); err != nil || int(desc.Cpid) != p.pid {
		return
	}
	_, _ = unix.SysvShmCtl(p.shmID, unix.IPC_RMID, nil) // 56 bytes; worth no error
}
