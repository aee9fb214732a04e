package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
)

// brew puts a package manager that needs no root into a directory of its own,
// and returns options that find nothing else there.
func brew(t *testing.T, script string) sandbox.ServerOptions {
	t.Helper()
	dir := t.TempDir()
	o := sandbox.ServerOptions{PathEnv: dir, BinDir: filepath.Join(dir, "cellar"), Backend: sandbox.BackendLocal}
	if err := os.Mkdir(o.BinDir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\nPATH=/usr/bin:/bin\ncd '" + o.BinDir + "'\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "brew"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestWhereNoServerIsThePackageManagerInstallsOne(t *testing.T) {
	o := brew(t, `test "$*" = "install postgresql@17" || exit 1
for p in initdb postgres; do printf '#!/bin/sh\necho "postgres (PostgreSQL) 17.1"\n' > $p; chmod 755 $p; done`)
	t.Setenv("PATH", o.PathEnv)
	var out strings.Builder
	if code := run(t.Context(), o, &out); code != int(ops.ExitDone) {
		t.Errorf("exit code %d: %s", code, out.String())
	}
	if !strings.Contains(out.String(), "running: brew install postgresql@17") {
		t.Errorf("it does not say what it runs: %s", out.String())
	}
	out.Reset()
	if code := run(t.Context(), o, &out); code != int(ops.ExitDone) || out.String() != "" {
		t.Errorf("with a server there: exit code %d, output %q", code, out.String())
	}
}

func TestAnInstallationThatFailsLeavesTheCommandToType(t *testing.T) {
	o := brew(t, "echo no network >&2; exit 1")
	t.Setenv("PATH", o.PathEnv)
	var out strings.Builder
	if code := run(t.Context(), o, &out); code == int(ops.ExitDone) {
		t.Error("it says that all is well")
	}
	for _, want := range []string{"no network", "next: brew install postgresql@17"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}
