package sandbox

import (
	"os"
	"runtime"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// installers are the package managers we know, with the commands that install a
// server: all but the last only make the last one work.
var installers = []struct {
	program  string
	commands []string
	root     bool
}{
	{"apt-get", []string{"apt-get update", "apt-get install -y postgresql"}, true},
	{"dnf", []string{"dnf install -y postgresql-server"}, true},
	{"yum", []string{"yum install -y postgresql-server"}, true},
	{"apk", []string{"apk add --no-cache postgresql"}, true},
	{"pacman", []string{"pacman -Sy --noconfirm postgresql"}, true},
	{"zypper", []string{"zypper --non-interactive install postgresql-server"}, true},
	{"brew", []string{"brew install postgresql@17"}, false},
}

// InstallCommands are the commands, each with its arguments, that install a
// PostgreSQL server with the package manager found in pathEnv: with sudo where
// they need root and this process is not. None when no package manager is known.
func InstallCommands(pathEnv string) [][]string {
	return installCommands(pathEnv, os.Geteuid() == 0)
}

// InstallCommand is the same as one line to type.
func InstallCommand(pathEnv string) string {
	var lines []string
	for _, c := range InstallCommands(pathEnv) {
		lines = append(lines, strings.Join(c, " "))
	}
	return strings.Join(lines, " && ")
}

func installCommands(pathEnv string, root bool) [][]string {
	for _, i := range installers {
		if lookPath(pathEnv, i.program) == "" {
			continue
		}
		var all [][]string
		for _, c := range i.commands {
			if i.root && !root {
				c = "sudo " + c
			}
			all = append(all, strings.Fields(c))
		}
		return all
	}
	return nil
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
	if o.BinDir == "" {
		f.Detail = append(f.Detail, "looked in PATH, "+placesText())
	}
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
		return "Homebrew's directories and Postgres.app"
	}
	return "/usr/lib/postgresql/*/bin and /usr/pgsql-*/bin"
}
