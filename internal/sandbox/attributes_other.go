//go:build !linux

package sandbox

import "syscall"

// attributes makes a child the leader of a session of its own, so that Ctrl-C
// at our terminal does not reach it. A parent-death signal is Linux's alone;
// elsewhere the next start finds and stops what a killed process left.
func attributes(a *account, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}
}
