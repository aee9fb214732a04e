package pg

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/config"
)

// usualPlaces are where packages put client programs beside PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/opt/homebrew/opt/libpq/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/usr/local/opt/libpq/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// InContainer before a name, as ProgramOptions.Dir, says that the client
// programs are those of a running Docker container: "docker:clipperops-5433".
const InContainer = "docker:"

// ProgramOptions says where to look for client programs and for which server.
type ProgramOptions struct {
	// ServerMajor is the server's major version; zero when it is not known, and
	// the newest programs are taken.
	ServerMajor int
	// Dir is the one directory to use, or "docker:CONTAINER". Default: search.
	Dir string
	// PathEnv is the value of PATH.
	PathEnv string
	// Environ is what child programs inherit, as KEY=value; libpq's own variables
	// are taken out, the Target says it all. Default: PATH alone.
	Environ []string
	// Places are glob patterns of directories to search after PATH. Default: where
	// Debian, Red Hat, Homebrew and Postgres.app put them.
	Places []string
}

// Programs are the client programs that will be used.
type Programs struct {
	Dump Program
	Psql Program
	// Found is every usable or unusable program that was seen, in order of search.
	Found []Program
}

// FindPrograms looks for pg_dump and psql. Those whose major version equals the
// server's are taken, else the nearest newer: an older pg_dump refuses, and a
// newer one may write what the server does not understand. None is a
// *ops.Failure that names what was found and the command that installs the right ones.
func FindPrograms(ctx context.Context, o ProgramOptions) (Programs, error) {
	var all Programs
	for _, c := range o.candidates() {
		if p, ok := c.inspect(ctx); ok {
			all.Found = append(all.Found, p)
		}
		if err := ctx.Err(); err != nil {
			return Programs{}, err
		}
	}
	dump, ok := choose(all.Found, "pg_dump", o.ServerMajor, "")
	if !ok {
		return all, o.missing("pg_dump", all.Found)
	}
	psql, ok := choose(all.Found, "psql", o.ServerMajor, filepath.Dir(dump.Path))
	if !ok {
		return all, o.missing("psql", all.Found)
	}
	all.Dump, all.Psql = dump, psql
	return all, nil
}

// choose takes the program nearest to the server's version that is not below it.
// Of equals, the one in dir, then the one that was found first; Debian's
// wrapper, which picks a version by itself, comes last.
func choose(found []Program, name string, serverMajor int, dir string) (Program, bool) {
	fit := slices.DeleteFunc(slices.Clone(found), func(p Program) bool {
		return p.Name != name || p.Major < serverMajor
	})
	if len(fit) == 0 {
		return Program{}, false
	}
	rank := func(p Program) int {
		switch {
		case isWrapper(p.Path):
			return 2
		case dir != "" && filepath.Dir(p.Path) != dir:
			return 1
		default:
			return 0
		}
	}
	slices.SortStableFunc(fit, func(a, b Program) int {
		if a.Major != b.Major && serverMajor == 0 {
			return b.Major - a.Major
		}
		if a.Major != b.Major {
			return a.Major - b.Major
		}
		return rank(a) - rank(b)
	})
	return fit[0], true
}

func isWrapper(path string) bool {
	resolved, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(resolved) == "pg_wrapper"
}

// candidates lists the programs to ask, without asking them yet.
func (o ProgramOptions) candidates() []Program {
	environ := o.environ()
	if name, ok := strings.CutPrefix(o.Dir, InContainer); ok {
		c := &Container{Docker: lookPath(o.PathEnv, "docker"), Name: name}
		return []Program{
			{Name: "pg_dump", Path: "pg_dump", Container: c, environ: environ},
			{Name: "psql", Path: "psql", Container: c, environ: environ},
		}
	}
	var programs []Program
	for _, dir := range o.directories() {
		for _, name := range []string{"pg_dump", "psql"} {
			if path := filepath.Join(dir, name); executable(path) {
				programs = append(programs, Program{Name: name, Path: path, environ: environ})
			}
		}
	}
	return programs
}

// directories are where to look, each once.
func (o ProgramOptions) directories() []string {
	if o.Dir != "" {
		return []string{o.Dir}
	}
	dirs := filepath.SplitList(o.PathEnv)
	places := o.Places
	if places == nil {
		places = usualPlaces
	}
	for _, pattern := range places {
		if found, err := filepath.Glob(pattern); err == nil { // a bad pattern finds nothing
			dirs = append(dirs, found...)
		}
	}
	var once []string
	for _, dir := range dirs {
		if filepath.IsAbs(dir) && !slices.Contains(once, dir) {
			once = append(once, dir)
		}
	}
	return once
}

// environ is what every child starts from. Messages in English can be read by
// the code that looks for warnings, and searched for by people.
func (o ProgramOptions) environ() []string {
	environ := []string{"PATH=" + o.PathEnv}
	if o.Environ != nil {
		environ = append(environ, config.WithoutLibpq(o.Environ)...)
	}
	return append(environ, "LC_ALL=C")
}

// lookPath finds a program in the directories of a PATH value; the bare name
// when it is in none, so that the error names it.
func lookPath(pathEnv, name string) string {
	for _, dir := range filepath.SplitList(pathEnv) {
		if path := filepath.Join(dir, name); filepath.IsAbs(dir) && executable(path) {
			return path
		}
	}
	return name
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
