package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/go-cmp/cmp"
)

// fakeServer puts programs named like a server's into dir.
func fakeServer(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 16.3'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPathComesBeforeTheUsualPlacesAndThereTheNewestFirst(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	onPath := fakeServer(t, filepath.Join(root, "path"))
	for _, version := range []string{"9.6", "14", "17"} {
		fakeServer(t, filepath.Join(root, "lib", version, "bin"))
	}
	incomplete := filepath.Join(root, "lib", "18", "bin")
	if err := os.MkdirAll(incomplete, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(incomplete, "initdb"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	got := candidates(ServerOptions{PathEnv: "/nowhere:" + onPath}, []string{filepath.Join(root, "lib/*/bin")})
	want := []string{
		onPath, filepath.Join(root, "lib/17/bin"), filepath.Join(root, "lib/14/bin"), filepath.Join(root, "lib/9.6/bin"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
}

// Not in parallel: a program just written cannot be run while a child that
// another test is starting still has it open (ETXTBSY).
func TestALinkOnPathLeadsToTheProgramsBehindIt(t *testing.T) {
	root := t.TempDir()
	real := fakeServer(t, filepath.Join(root, "opt/pg16/bin"))
	links := filepath.Join(root, "links")
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.Symlink(filepath.Join(real, name), filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Find(t.Context(), ServerOptions{PathEnv: links, Backend: BackendLocal})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Installation{BinDir: resolved(t, real), Major: 16}, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func resolved(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func TestWithoutAServerTheFailureHasTheCommandThatInstallsOne(t *testing.T) {
	t.Parallel()
	managers := t.TempDir()
	if err := os.WriteFile(filepath.Join(managers, "dnf"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	o := ServerOptions{BinDir: t.TempDir(), PathEnv: managers, Backend: BackendLocal}
	_, err := Find(t.Context(), o)
	f := ops.AsFailure(err)
	if f == nil || len(f.Next) != 1 || !strings.HasSuffix(f.Next[0], "dnf install -y postgresql-server") {
		t.Fatalf("failure %+v", f)
	}
	if sudo := strings.HasPrefix(f.Next[0], "sudo "); sudo == (os.Geteuid() == 0) {
		t.Errorf("as uid %d it says %q", os.Geteuid(), f.Next[0])
	}
}

func TestTheInstallCommandIsThatOfThePackageManagerAndSaysSudoWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		manager string
		root    bool
		want    string
	}{
		{"apt-get", true, "apt-get update && apt-get install -y postgresql"},
		{"apt-get", false, "sudo apt-get update && sudo apt-get install -y postgresql"},
		{"dnf", false, "sudo dnf install -y postgresql-server"},
		{"apk", true, "apk add --no-cache postgresql"},
		{"brew", false, "brew install postgresql@17"},
		{"none", true, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.manager), nil, 0o755); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, command := range installCommands(dir, c.root) {
			lines = append(lines, strings.Join(command, " "))
		}
		if got := strings.Join(lines, " && "); got != c.want {
			t.Errorf("%s, root %t: %q, want %q", c.manager, c.root, got, c.want)
		}
	}
}

func TestRootRunsServersAsAnotherUser(t *testing.T) {
	t.Parallel()
	a, err := serverAccount(0)
	if err != nil {
		t.Fatal(err)
	}
	if a == nil || a.uid == 0 || a.name != "postgres" && a.name != "nobody" {
		t.Errorf("account %+v", a)
	}
	if a, err := serverAccount(1000); err != nil || a != nil {
		t.Errorf("an ordinary user gets the account %+v, error %v", a, err)
	}
}

func TestADirectoryBehindAClosedOneIsUnreachableForTheAccount(t *testing.T) {
	t.Parallel()
	place, err := os.MkdirTemp("", "account-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(place) })
	closed := filepath.Join(place, "closed")
	for path, mode := range map[string]os.FileMode{place: 0o711, closed: 0o700} {
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	a := &account{name: "nobody", uid: 65534, gid: 65534}
	if got := a.unreachable(filepath.Join(place, "box")); got != "" && runtime.GOOS == "linux" {
		t.Errorf("%s is said to be in the way", got)
	}
	if got := a.unreachable(filepath.Join(closed, "deep", "box")); got != closed && runtime.GOOS == "linux" {
		t.Errorf("in the way is %q, want %s", got, closed)
	}
	var nobodyElse *account
	if got := nobodyElse.unreachable(filepath.Join(closed, "box")); got != "" {
		t.Errorf("for this very user %s is said to be in the way", got)
	}
	f := ops.AsFailure(a.cannotReach(filepath.Join(closed, "box"), closed))
	if f.Code != ops.ExitUsage || !strings.Contains(f.What, "nobody") || !strings.Contains(strings.Join(f.Next, " "), closed) {
		t.Errorf("failure %+v", f)
	}
}

func TestExportsAreQuotedForAShell(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/tmp/x-1_y", "/a b", "/it's", "/$HOME", "/a;b&c", "/`id`", `/a\b"c`, "/*"} {
		s := &Sandbox{Dir: dir}
		out, err := exec.Command("sh", "-c", strings.Join(s.Exports(), "\n")+`
			printf %s "$BACKUP_DIR"`).Output()
		if got := string(out); err != nil || got != s.BackupDir() {
			t.Errorf("a shell takes %s for %s, %v", s.BackupDir(), got, err)
		}
	}
}

func TestTheNearestVersionThatIsNotOlderIsTaken(t *testing.T) {
	t.Parallel()
	found := []Installation{{BinDir: "17", Major: 17}, {BinDir: "14", Major: 14}, {BinDir: "16", Major: 16}}
	for major, want := range map[int]string{13: "14", 14: "14", 15: "16", 16: "16", 17: "17", 18: ""} {
		if got, ok := nearest(found, major); ok != (want != "") || got.BinDir != want {
			t.Errorf("for %d: %q", major, got.BinDir)
		}
	}
	f := ops.AsFailure(noServerFor(ServerOptions{}, found[1:2], 15))
	if f.Code != ops.ExitRefused || !strings.Contains(strings.Join(f.Detail, "\n"), "14 is PostgreSQL 14, older than the target's") {
		t.Errorf("%+v", f)
	}
	if f := ops.AsFailure(tooOld(&Server{Image: "postgres:14", Major: 14}, 15)); f.Code != ops.ExitRefused {
		t.Errorf("%+v", f)
	}
}
