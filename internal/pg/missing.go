package pg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// clientPackages are the package managers we know and the package of the client
// programs, %d being the major version.
var clientPackages = []struct {
	manager, command string
	root             bool
}{
	{"apt-get", "apt-get install -y postgresql-client-%d", true},
	{"dnf", "dnf install -y postgresql%d", true},
	{"yum", "yum install -y postgresql%d", true},
	{"apk", "apk add postgresql%d-client", true},
	{"zypper", "zypper install -y postgresql%d", true},
	{"brew", "brew install postgresql@%d", false},
}

// newestMajor is what to install when the server's version is not known.
const newestMajor = 17

// missing is the failure when no program of that name will do.
func (o ProgramOptions) missing(name string, found []Program) error {
	f := &ops.Failure{
		Code:  ops.ExitUsage,
		What:  fmt.Sprintf("no %s on this machine", name),
		State: []string{"nothing was touched"},
		Next:  []string{o.installCommand()},
	}
	if o.ServerMajor > 0 {
		f.What = fmt.Sprintf("no %s for PostgreSQL %d on this machine", name, o.ServerMajor)
	}
	for _, p := range found {
		if p.Name == name {
			f.Detail = append(f.Detail, fmt.Sprintf("%s is too old", p))
		}
	}
	switch container, ok := strings.CutPrefix(o.Dir, InContainer); {
	case ok:
		f.What = fmt.Sprintf("no %s in container %s", name, container)
		f.Next = []string{"docker ps  shows whether it runs"}
	case o.Dir != "" && len(f.Detail) == 0:
		f.Detail = []string{"looked only in " + o.Dir + ", as configured"}
	case len(f.Detail) == 0:
		f.Detail = []string{"looked in PATH and in " + strings.Join(usualPlaces[:2], ", ") + ", Homebrew, Postgres.app"}
	}
	return f
}

// installCommand is the one command that installs the right programs here.
func (o ProgramOptions) installCommand() string {
	major := o.ServerMajor
	if major == 0 {
		major = newestMajor
	}
	for _, p := range clientPackages {
		if !filepath.IsAbs(lookPath(o.PathEnv, p.manager)) {
			continue
		}
		command := fmt.Sprintf(p.command, major)
		if p.root && os.Geteuid() != 0 {
			return "sudo " + command
		}
		return command
	}
	return fmt.Sprintf("install the PostgreSQL %d client programs (pg_dump and psql) with the system's package manager", major)
}
