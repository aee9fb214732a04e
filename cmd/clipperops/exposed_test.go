package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

// TestAPasswordOnTheCommandLineIsWarnedOf guards against one that is seen in ps and kept in
// the shell's history without a word: it is said once, whatever the command shows.
func TestAPasswordOnTheCommandLineIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	for _, args := range []string{"migrate --dry-run --no-rehearse", "migrate --dry-run --no-rehearse --output json", "migrate --dry-run --no-rehearse --quiet"} {
		r := p.start(append(strings.Fields(args), "--rehearse-on", "postgres://thin:s3cr3t-canary@clones.invalid/postgres")...)
		r.wants(ops.ExitDone)
		said := unwrapped(r.err.String())
		if strings.Count(said, "shell's history") != 1 || !strings.Contains(said, "REHEARSE_ON") || !strings.Contains(said, "password_file") {
			t.Errorf("%s: %q", args, said)
		}
		if strings.Contains(said+r.out.String(), "s3cr3t-canary") {
			t.Errorf("%s shows the password", args)
		}
	}
	r := p.start("migrate", "--dry-run", "--no-rehearse", "--rehearse-on", "postgres://thin@clones.invalid/postgres")
	r.wants(ops.ExitDone)
	if strings.Contains(r.err.String(), "shell") {
		t.Errorf("without a password: %s", r.err)
	}
}
