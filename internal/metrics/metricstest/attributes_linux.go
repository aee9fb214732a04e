package metricstest

import "syscall"

// attributes lets the server end with the thread that started it.
func attributes(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Setsid: true, Pdeathsig: syscall.SIGKILL}
}
