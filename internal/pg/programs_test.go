package pg_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// install puts programs that only know their version into a directory, as other
// versions than this machine's cannot be had in a test.
func install(t *testing.T, dir, version string, names ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		script := fmt.Sprintf("#!/bin/sh\necho '%s (PostgreSQL) %s (Debian %s-1)'\n", name, version, version)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheProgramsNearestToTheServersVersionAreChosen(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, version := range []string{"13.2", "15.18", "16.1", "17.6"} {
		install(t, filepath.Join(root, "lib", version, "bin"), version, "pg_dump", "psql")
	}
	path := install(t, filepath.Join(root, "path"), "16.4", "pg_dump", "psql")
	empty := filepath.Join(root, "empty")
	configured := install(t, filepath.Join(root, "configured"), "17.1", "pg_dump", "psql")
	places := []string{filepath.Join(root, "lib", "*", "bin")}
	for _, tt := range []struct {
		name   string
		o      pg.ProgramOptions
		want   string
		inPath bool
	}{
		{"the server's own version, wherever it is", pg.ProgramOptions{ServerMajor: 15, PathEnv: path, Places: places}, "15.18", false},
		{"of equal versions PATH's", pg.ProgramOptions{ServerMajor: 16, PathEnv: path, Places: places}, "16.4", true},
		{"else the nearest newer", pg.ProgramOptions{ServerMajor: 14, PathEnv: path, Places: places}, "15.18", false},
		{"the newest for an unknown server", pg.ProgramOptions{PathEnv: path, Places: places}, "17.6", false},
		{"a configured directory alone", pg.ProgramOptions{ServerMajor: 15, Dir: configured, PathEnv: path, Places: places}, "17.1", false},
		{"directories of PATH that are not there", pg.ProgramOptions{ServerMajor: 13, PathEnv: empty + ":.:" + path, Places: places}, "13.2", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := pg.FindPrograms(t.Context(), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Dump.Version != tt.want || got.Psql.Version != tt.want || filepath.Dir(got.Dump.Path) != filepath.Dir(got.Psql.Path) {
				t.Errorf("chose %s and %s, want %s", got.Dump, got.Psql, tt.want)
			}
			if in := filepath.Dir(got.Dump.Path) == path; in != tt.inPath {
				t.Errorf("chose %s; from PATH: %v", got.Dump, in)
			}
		})
	}
}

func TestProgramsThatWillNotDoAreNamedWithTheCommandThatInstallsTheRightOnes(t *testing.T) {
	t.Parallel()
	old := install(t, t.TempDir(), "13.2", "pg_dump", "psql", "apt-get")
	for name, tt := range map[string]struct {
		o    pg.ProgramOptions
		want []string
	}{
		"too old":    {pg.ProgramOptions{ServerMajor: 15, PathEnv: old, Places: []string{}}, []string{"no pg_dump for PostgreSQL 15", "pg_dump 13.2 (" + old, "too old", "apt-get install -y postgresql-client-15"}},
		"none":       {pg.ProgramOptions{ServerMajor: 15, PathEnv: t.TempDir(), Places: []string{}}, []string{"no pg_dump for PostgreSQL 15", "PATH", "PostgreSQL 15 client programs"}},
		"configured": {pg.ProgramOptions{Dir: t.TempDir(), PathEnv: old}, []string{"no pg_dump", "as configured"}},
		"psql only":  {pg.ProgramOptions{PathEnv: install(t, t.TempDir(), "15.1", "pg_dump"), Places: []string{}}, []string{"no psql"}},
		"container":  {pg.ProgramOptions{Dir: pg.InContainer + "gone", PathEnv: t.TempDir()}, []string{"no pg_dump in container gone", "docker ps"}},
	} {
		_, err := pg.FindPrograms(t.Context(), tt.o)
		f := ops.AsFailure(err)
		if f == nil {
			t.Errorf("%s: found programs", name)
			continue
		}
		text := strings.Join(slices.Concat([]string{f.What}, f.Detail, f.Next), "\n")
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q does not say %q", name, text, want)
			}
		}
	}
}

func TestThisMachinesProgramsTalkToTheServer(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	major := pgtest.QueryValue[int](t, target, "SELECT current_setting('server_version_num')::int / 10000")
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{ServerMajor: major, PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	cmd := programs.Psql.As("clipperops test").Command(t.Context(), target, "-XAtc", "SELECT current_database() || ' ' || current_setting('application_name')")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(target.Database+" clipperops test\n", string(out)); diff != "" {
		t.Errorf("psql answers (-want +got):\n%s", diff)
	}
}

func TestNoSecretStandsInTheArgumentsOfAProgram(t *testing.T) {
	t.Parallel()
	target := config.Target{Host: "db", Port: 6000, User: "clipper", Password: secret, Database: "clipper_db", SSLMode: "require"}
	for _, p := range []pg.Program{
		{Name: "psql", Path: "psql"},
		{Name: "psql", Path: "psql", Container: &pg.Container{Docker: "docker", Name: "sandbox"}},
	} {
		cmd := p.Command(t.Context(), target, "-X")
		if args := strings.Join(cmd.Args, " "); strings.Contains(args, secret) {
			t.Errorf("%q shows the password", args)
		}
		if !slices.Contains(cmd.Env, "PGPASSWORD="+secret) {
			t.Errorf("the environment of %q lacks the password", cmd.Args)
		}
	}
}

func TestAContainersProgramsSpeakToItsOwnServer(t *testing.T) {
	t.Parallel()
	p := pg.Program{Name: "psql", Path: "psql", Container: &pg.Container{Docker: "docker", Name: "sandbox"}}
	cmd := p.Command(t.Context(), config.Target{Host: "127.0.0.1", Port: 41234, User: "u", Database: "d", SSLMode: "disable"}, "-X")
	for _, want := range []string{"PGHOST=127.0.0.1", "PGPORT=5432"} {
		if !slices.Contains(cmd.Env, want) {
			t.Errorf("environment %q lacks %s", cmd.Env, want)
		}
	}
	if i := slices.Index(cmd.Args, "sandbox"); i < 0 || !slices.Equal(cmd.Args[i:], []string{"sandbox", "psql", "-X"}) || !slices.Equal(cmd.Args[:3], []string{"docker", "exec", "-i"}) {
		t.Errorf("arguments %q", cmd.Args)
	}
}

func TestLibpqVariablesOfOursDoNotReachAChild(t *testing.T) {
	t.Parallel()
	dir := install(t, t.TempDir(), "15.18", "pg_dump", "psql")
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{Dir: dir, PathEnv: os.Getenv("PATH"), Environ: []string{"HOME=/h", "PGOPTIONS=-c x=y", "PGSERVICE=other", "LC_ALL=de_DE"}})
	if err != nil {
		t.Fatal(err)
	}
	env := programs.Dump.Command(t.Context(), config.Target{Host: "h", Database: "d"}).Environ()
	for _, entry := range env {
		if strings.HasPrefix(entry, "PGOPTIONS=") || strings.HasPrefix(entry, "PGSERVICE=") || entry == "LC_ALL=de_DE" {
			t.Errorf("the child has %s", entry)
		}
	}
	if !slices.Contains(env, "HOME=/h") || !slices.Contains(env, "LC_ALL=C") {
		t.Errorf("environment %q", env)
	}
}

func TestWhichPsqlKnowsRestrict(t *testing.T) {
	t.Parallel()
	for version, want := range map[[2]int]bool{
		{12, 22}: false, {13, 21}: false, {13, 22}: true, {14, 19}: true, {15, 13}: false, {15, 14}: true,
		{16, 9}: false, {16, 10}: true, {17, 5}: false, {17, 6}: true, {18, 0}: true,
	} {
		if got := (pg.Program{Major: version[0], Minor: version[1]}).KnowsRestrict(); got != want {
			t.Errorf("%d.%d: %v, want %v", version[0], version[1], got, want)
		}
	}
}
