package sandbox

import "syscall"

// attributes makes a child the leader of a session of its own, so that Ctrl-C
// at our terminal does not reach it. A tied child is told to quit at once when
// we die; SIGQUIT makes a postmaster end its children before itself.
func attributes(a *account, tied bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}
	if tied {
		attr.Pdeathsig = syscall.SIGQUIT
	}
	return attr
}
