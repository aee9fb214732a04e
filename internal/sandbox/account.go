package sandbox

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
)

// account is the user a local server runs as when this process is root, whom
// initdb and postgres refuse. It is nil when they run as this process does.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount picks the account: postgres, else nobody.
func serverAccount(euid int) (*account, error) {
	if euid != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, &ops.Failure{
		What:  "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody",
		State: []string{"nothing was started"},
		Next:  []string{"run the same command as an ordinary user"},
	}
}

// credential is what a child of this account starts with.
func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// give makes the account the owner of paths.
func (a *account) give(paths ...string) error {
	if a == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	return nil
}

// unreachable returns the first directory on the way to dir that the account
// may not pass, or "" when it may pass all. Directories that do not exist yet
// are ours to make.
func (a *account) unreachable(dir string) string {
	if a == nil {
		return ""
	}
	at := string(filepath.Separator)
	for _, part := range strings.Split(filepath.Dir(filepath.Clean(dir)), string(filepath.Separator)) {
		at = filepath.Join(at, part)
		info, err := os.Stat(at)
		if err != nil {
			return ""
		}
		if !a.mayPass(info) {
			return at
		}
	}
	return ""
}

// mayPass applies the mode bits to the account, without supplementary groups,
// which its processes do not have.
func (a *account) mayPass(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch {
	case stat.Uid == a.uid:
		return info.Mode().Perm()&0o100 != 0
	case stat.Gid == a.gid:
		return info.Mode().Perm()&0o010 != 0
	default:
		return info.Mode().Perm()&0o001 != 0
	}
}

// cannotReach is the failure when the account may not pass a directory above dir.
func (a *account) cannotReach(dir, at string) error {
	return &ops.Failure{
		Code: ops.ExitUsage,
		What: fmt.Sprintf("PostgreSQL runs as user %s here, who cannot reach %s", a.name, dir),
		Detail: []string{
			"it refuses to run as root, and " + at + " is closed to other users",
		},
		State: []string{"nothing was started"},
		Next:  []string{"choose a directory below " + os.TempDir() + ", or: chmod o+x " + at},
	}
}
