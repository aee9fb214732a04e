package sandbox

import (
	"os"
	"runtime"

	"github.com/clipper/clipperops/internal/ops"
)

// installers are the package managers we know, with what installs a server.
var installers = []struct {
	program, command string
	root             bool
}{
	{"apt-get", "apt-get install -y postgresql", true},
	{"dnf", "dnf install -y postgresql-server", true},
	{"yum", "yum install -y postgresql-server", true},
	{"apk", "apk add postgresql", true},
	{"pacman", "pacman -S --noconfirm postgresql", true},
	{"zypper", "zypper install -y postgresql-server", true},
	{"brew", "brew install postgresql@17", false},
}

// InstallCommand is the one command that installs a PostgreSQL server with the
// package manager found in pathEnv, with sudo where it needs root and this
// process is not. It is empty when no package manager is known.
func InstallCommand(pathEnv string) string {
	return installCommand(pathEnv, os.Geteuid() == 0)
}

func installCommand(pathEnv string, root bool) string {
	for _, i := range installers {
		if lookPath(pathEnv, i.program) == "" {
			continue
		}
		if i.root && !root {
			return "sudo " + i.command
		}
		return i.command
	}
	return ""
}

// missingServer is the failure when there is nothing to run a server on.
func missingServer(o ServerOptions) error {
	f := &ops.Failure{
		Code:  ops.ExitUsage,
		What:  "no PostgreSQL server programs and no Docker engine on this machine",
		State: []string{"nothing was started"},
	}
	switch {
	case o.BinDir != "":
		f.What = "no usable initdb and postgres in " + o.BinDir
	case o.Backend == BackendLocal:
		f.What = "no PostgreSQL server programs on this machine"
	}
	f.Detail = append(f.Detail, "looked in PATH and in the places where packages put them: "+placesText())
	switch command := InstallCommand(o.PathEnv); {
	case command != "":
		f.Next = []string{command}
	case runtime.GOOS == "darwin":
		f.Next = []string{"install Homebrew (https://brew.sh), then: brew install postgresql@17", "or Postgres.app (https://postgresapp.com)"}
	default:
		f.Next = []string{"install PostgreSQL 12 or newer with the system's package manager, or start a Docker engine"}
	}
	return f
}

func placesText() string {
	if runtime.GOOS == "darwin" {
		return "Homebrew, Postgres.app"
	}
	return "/usr/lib/postgresql/*/bin, /usr/pgsql-*/bin"
}
