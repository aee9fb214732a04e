package pgtest

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// inMemory is where the shared server lies when memory can hold it: every test makes
// and drops some hundred files, which costs a file system on a disk much of its time.
const inMemory = "/dev/shm"

// memoryNeeded is what must be free there, in bytes: a server may keep 2 GB of WAL, and
// each test has a database. A container's /dev/shm has 64 MB unless told otherwise.
const memoryNeeded = 8 << 30

// memoryHolds reports whether inMemory is memory and has room enough.
func memoryHolds() bool {
	var fs unix.Statfs_t
	if unix.Statfs(inMemory, &fs) != nil || fs.Type != unix.TMPFS_MAGIC {
		return false
	}
	return fs.Bavail*uint64(fs.Bsize) >= memoryNeeded && memoryAvailable() >= memoryNeeded
}

// memoryAvailable is what the kernel would give without swapping; 0 when it does not say.
func memoryAvailable() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kilobytes uint64
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	if _, err := fmt.Sscanf(rest, "%d kB", &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}
