package sandbox

import "syscall"

// attributes makes a child the leader of a session of its own, so that Ctrl-C
// at our terminal does not reach it. With a signal, a child is sent that when we
// die.
func attributes(a *account, whenWeDie syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: a.credential(), Pdeathsig: whenWeDie}
}
