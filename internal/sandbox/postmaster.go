package sandbox

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// postmaster is what a running server says of itself in postmaster.pid.
type postmaster struct {
	pid     int
	dataDir string
	// started is when, in seconds since 1970.
	started int64
	// shmID is the System V segment that guards the data directory, -1 when unknown.
	shmID int
}

// readPostmaster reads the postmaster.pid of a data directory. It is there from
// a server's start to its orderly end, and stays when the server is killed.
func readPostmaster(data string) (postmaster, bool) {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return postmaster{}, false
	}
	lines := strings.Split(string(raw), "\n")
	if len(lines) < 3 {
		return postmaster{}, false
	}
	p := postmaster{dataDir: strings.TrimSpace(lines[1]), shmID: -1}
	if p.pid, err = strconv.Atoi(strings.TrimSpace(lines[0])); err != nil || p.pid <= 1 {
		return postmaster{}, false
	}
	if p.started, err = strconv.ParseInt(strings.TrimSpace(lines[2]), 10, 64); err != nil {
		return postmaster{}, false
	}
	if len(lines) > 6 { // "key id"
		if fields := strings.Fields(lines[6]); len(fields) == 2 {
			if id, err := strconv.Atoi(fields[1]); err == nil {
				p.shmID = id
			}
		}
	}
	return p, p.dataDir == data
}

// alive reports whether the process of that id is this server still, and not
// another that was given the number since.
func (p postmaster) alive() bool {
	return exists(p.pid) && bytes.Contains(commandLine(p.pid), []byte(p.dataDir))
}

// exists reports whether there is a process of that id.
func exists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// commandLine returns the arguments of a process; none for a zombie.
func commandLine(pid int) []byte {
	id := strconv.Itoa(pid)
	if raw, err := os.ReadFile(filepath.Join("/proc", id, "cmdline")); err == nil {
		return raw
	}
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", id).Output()
	if err != nil {
		return nil
	}
	return out
}
