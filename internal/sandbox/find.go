package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Installation is what a server can run on: PostgreSQL's programs, else a Docker
// engine.
type Installation struct {
	// BinDir holds initdb, postgres and their like; empty on Docker.
	BinDir string
	// Major is the version of the programs, e.g. 17; zero on Docker.
	Major int
	// Docker is the docker program of an engine that answers, Image what it will run.
	Docker, Image string
}

// usualPlaces are where packages put server programs outside PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/opt/homebrew/opt/postgresql/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/libexec/postgresql*",
	"/usr/local/pgsql/bin",
}

// Find picks what a server will run on: programs in PATH, in the places where
// packages put them, else a Docker engine. The error is a *ops.Failure that
// names the command that installs a server.
func Find(ctx context.Context, o ServerOptions) (Installation, error) {
	if o.Backend != BackendDocker {
		for _, dir := range candidates(o, usualPlaces) {
			if found, err := inspect(ctx, dir); err == nil {
				return found, nil
			}
		}
	}
	if o.Backend != BackendLocal {
		found, err := findDocker(ctx, o)
		if err == nil || o.Backend == BackendDocker {
			return found, err
		}
	}
	return Installation{}, missingServer(o)
}

// candidates lists the directories to look into, best first: the one asked
// for, PATH, then the usual places with the newest version first.
func candidates(o ServerOptions, places []string) []string {
	if o.BinDir != "" {
		return []string{o.BinDir}
	}
	var dirs []string
	for _, dir := range filepath.SplitList(o.PathEnv) {
		if hasServer(dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, pattern := range places {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // a pattern of ours; cannot happen
		}
		slices.SortFunc(found, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
		for _, dir := range found {
			if hasServer(dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

var versionNumber = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// versionIn reads the version out of a path such as /usr/lib/postgresql/17/bin:
// the last number in it, zero when there is none.
func versionIn(dir string) float64 {
	numbers := versionNumber.FindAllString(dir, -1)
	if len(numbers) == 0 {
		return 0
	}
	n, err := strconv.ParseFloat(numbers[len(numbers)-1], 64)
	if err != nil {
		return 0
	}
	return n
}

// hasServer reports whether dir holds both programs that make a server.
func hasServer(dir string) bool {
	if dir == "" {
		return false
	}
	for _, name := range []string{"initdb", "postgres"} {
		if !executable(filepath.Join(dir, name)) {
			return false
		}
	}
	return true
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

var leadingDigits = regexp.MustCompile(`^[0-9]+`)

// inspect asks the server program in dir which version it is.
func inspect(ctx context.Context, dir string) (Installation, error) {
	program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return Installation{}, err
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(limited, program, "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("%s --version: %w", program, err)
	}
	// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
	_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
	major, err := strconv.Atoi(leadingDigits.FindString(version))
	if err != nil {
		return Installation{}, fmt.Errorf("%s --version says %q", program, strings.TrimSpace(string(out)))
	}
	return Installation{BinDir: filepath.Dir(program), Major: major}, nil
}

// lookPath finds a program in the directories of a PATH value.
func lookPath(pathEnv, name string) string {
	for _, dir := range filepath.SplitList(pathEnv) {
		if path := filepath.Join(dir, name); dir != "" && executable(path) {
			return path
		}
	}
	return ""
}
