package pg

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

// childGrace is how long a client program may take to end once asked to; then
// it is killed.
const childGrace = 5 * time.Second

// inspectTimeout bounds asking a program for its version; docker is the slow one.
const inspectTimeout = 10 * time.Second

// Program is a PostgreSQL client program of a known version.
type Program struct {
	// Name is "pg_dump" or "psql".
	Name string
	// Path is where it lies, on this machine or in the container.
	Path string
	// Version is its own, e.g. "15.18"; Major and Minor are its parts.
	Version string
	Major   int
	Minor   int
	// Container is set when the program runs in a Docker container.
	Container *Container

	environ     []string
	application string
}

// Container is a running Docker container that has the client programs.
type Container struct {
	// Docker is the docker program, Name the container.
	Docker string
	Name   string
}

// String names the program, its version and where it is.
func (p Program) String() string {
	if p.Container != nil {
		return fmt.Sprintf("%s %s in container %s", p.Name, p.Version, p.Container.Name)
	}
	return fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Path)
}

// KnowsRestrict reports whether a psql of this version understands the
// \restrict and \unrestrict lines of a plain dump, which came with the security
// releases of August 2025.
func (p Program) KnowsRestrict() bool {
	switch p.Major {
	case 13:
		return p.Minor >= 22
	case 14:
		return p.Minor >= 19
	case 15:
		return p.Minor >= 14
	case 16:
		return p.Minor >= 10
	case 17:
		return p.Minor >= 6
	default:
		return p.Major >= 18
	}
}

// As returns the program under an application_name, cut to what a server keeps.
func (p Program) As(application string) Program {
	p.application = applicationName(application)
	return p
}

// Command is the program with the target in its environment: nothing of it, the
// password least of all, stands in argv, where every user of the machine reads
// it. Messages are in English. When ctx is cancelled the program is asked to
// end, and killed five seconds later. It does not get the terminal's Ctrl-C.
func (p Program) Command(ctx context.Context, t config.Target, args ...string) *exec.Cmd {
	target := t.Environ()
	if p.application != "" {
		target = append(target, "PGAPPNAME="+p.application)
	}
	if p.Container != nil {
		return p.command(ctx, p.Container.environ(target), args...)
	}
	return p.command(ctx, target, args...)
}

func (p Program) command(ctx context.Context, target []string, args ...string) *exec.Cmd {
	path := p.Path
	if p.Container != nil {
		path, args = p.Container.wrap(p.Path, target, args)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(append([]string{}, p.environ...), target...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = childGrace
	// Its own process group: the order in which we and our children hear of a
	// Ctrl-C is ours to decide.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// environ turns the target as seen from outside into the one inside: a container
// speaks to its own server, and files of this machine are not there.
func (c *Container) environ(target []string) []string {
	var inside []string
	for _, entry := range target {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "PGHOST", "PGHOSTADDR", "PGPORT", "PGPASSFILE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL":
		default:
			inside = append(inside, entry)
		}
	}
	return append(inside, "PGHOST=127.0.0.1", "PGPORT=5432")
}

// wrap hands the variables on by name alone; docker takes their values from its
// own environment.
func (c *Container) wrap(program string, environ, args []string) (string, []string) {
	wrapped := []string{"exec", "-i"}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		wrapped = append(wrapped, "-e", name)
	}
	wrapped = append(wrapped, c.Name, program)
	return c.Docker, append(wrapped, args...)
}

// inspect asks the program for its version; ok is false when it does not run or
// says something else.
func (p Program) inspect(ctx context.Context) (Program, bool) {
	limited, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	out, err := p.command(limited, nil, "--version").Output()
	if err != nil {
		return p, false
	}
	// "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
	_, rest, ok := strings.Cut(string(out), "(PostgreSQL) ")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return p, false
	}
	p.Version, p.Major = fields[0], majorOf(fields[0])
	if _, minor, ok := strings.Cut(p.Version, "."); ok {
		p.Minor = majorOf(minor)
	}
	return p, p.Major > 0
}
