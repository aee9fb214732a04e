package runbook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
)

// listen opens the port of /metrics and /healthz, or says who has it.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err == nil || ctx.Err() != nil {
		return listener, err
	}
	f := &ops.Failure{
		What: "cannot listen on " + address + ": " + err.Error(), State: []string{"nothing was changed"},
		Next: []string{"choose another --listen"}, Err: err,
	}
	host, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.What = "something listens on " + address + " already"
		who := listeners("/proc", port)
		if len(who) > 0 {
			f.What += ": " + strings.Join(who, ", ")
		}
		f.Next = []string{"leave it to the watch that runs, or end what listens there, or choose another --listen"}
		if len(who) == 0 {
			f.Next = append(f.Next, "as root, this tells what listens: ss -ltnp 'sport = :"+port+"'")
		}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Code, f.What = ops.ExitUsage, host+" is no address of this machine"
		f.Next = []string{"give --listen one that it has, or 0.0.0.0 for all of them"}
	}
	return nil, f
}

// listeners names the processes that listen on a TCP port, as far as this user may see:
// "clipperops (process 4711)". Their command lines are not shown: one may hold a password.
func listeners(proc, port string) []string {
	sockets := listening(proc, port)
	if len(sockets) == 0 {
		return nil
	}
	var who []string
	open, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*")) // the pattern is right
	for _, fd := range open {
		target, err := os.Readlink(fd)
		if err != nil || !slices.Contains(sockets, target) {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		name, _ := os.ReadFile(filepath.Join(process, "comm")) // it may just have ended
		one := fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), filepath.Base(process))
		if !slices.Contains(who, one) {
			who = append(who, one)
		}
	}
	return who
}

// listening are the sockets that listen on a port, as they are called in /proc/PID/fd.
func listening(proc, port string) []string {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	var sockets []string
	for _, table := range []string{"tcp", "tcp6"} {
		text, _ := os.ReadFile(filepath.Join(proc, "net", table)) // elsewhere than on Linux there is none
		for line := range strings.Lines(string(text)) {
			const local, state, inode, listens = 1, 3, 9, "0A"
			fields := strings.Fields(line)
			if len(fields) <= inode || fields[state] != listens {
				continue
			}
			if strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", number)) {
				sockets = append(sockets, "socket:["+fields[inode]+"]")
			}
		}
	}
	return sockets
}
