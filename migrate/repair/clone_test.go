package repair_test

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
)

// clone is a database of its own with the target's schema, and no rows.
func clone(t testing.TB, target config.Target) config.Target {
	t.Helper()
	var dump, complaint bytes.Buffer
	run := func(in *bytes.Buffer, out *bytes.Buffer, program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		if in != nil {
			cmd.Stdin = in
		}
		cmd.Stdout, cmd.Stderr = out, &complaint
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, complaint.String())
		}
	}
	copied := pgtest.New(t)
	run(nil, &dump, "pg_dump", "--schema-only", "--clean", "--if-exists", "--dbname", target.URL().Reveal())
	run(&dump, &complaint, "psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", copied.URL().Reveal())
	return copied
}
