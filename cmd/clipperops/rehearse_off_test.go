package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestGoingWithoutARehearsalNeedsAReason, which is recorded.
func TestGoingWithoutARehearsalNeedsAReason(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	for _, args := range []string{"migrate --rehearse off", "rollback --target 10 --rehearse off"} {
		p.wants(ops.ExitUsage, args, `--reason`, "nothing was touched")
	}
	p.wants(ops.ExitUsage, "migrate --reason hurry", "--reason goes with --rehearse off")
	p.wants(ops.ExitUsage, "migrate --rehearse of", "schema", "data", "off")
	p.wants(ops.ExitUsage, "migrate rehearse --rehearse off --reason none", "turned off")
	p.wants(ops.ExitUsage, "rollback --target 10 --rehearse-only --rehearse off --reason none", "turned off")
	p.wantVersion(10)
	if n := p.ledgerRows(); n != 0 {
		t.Errorf("%d runs are recorded of what was not begun", n)
	}

	reason := "the clone server is being moved"
	r := p.start("migrate", "--rehearse", "off", "--reason", reason, "--report", "r.html", "--output", "json")
	r.wants(ops.ExitDone)
	d := r.document(ops.ExitDone)
	wantResult(t, d, "rehearse", "rehearse", ops.StatusSkip, reason)
	p.wantVersion(97)
	for _, s := range stepOf(t, d, "validate").Results {
		if s.ID == "validate.rehearsed" {
			t.Errorf("compared with what was not rehearsed: %+v", s)
		}
	}
	if !strings.Contains(contents(t, p.path("r.html")), reason) {
		t.Error("the report does not say why there was no rehearsal")
	}
	kept := pgtest.QueryValue[string](t, p.target, "SELECT string_agg(r::text, E'\n') FROM clipperops.runs AS r")
	if !strings.Contains(kept, reason) {
		t.Errorf("the ledger does not say why there was no rehearsal:\n%s", kept)
	}
	p.wants(ops.ExitDone, "history --limit 1", "rehearsal +not rehearsed: "+reason)
	p.start("rollback", "--target", "10", "--skip-backup", "--rehearse", "off", "--reason", reason).wants(ops.ExitDone, "not rehearsed: "+reason)
	p.wantVersion(10)
	p.wants(ops.ExitDone, "migrate --skip-backup")
	p.wants(ops.ExitDone, "history --limit 1", "rehearsal +up, down, up on a clone on the target's own server: the schema is reversible")
}

// TestProductionIsNotChangedWithoutARehearsal unless clipperops.yaml allows it: neither a
// flag nor the environment can.
func TestProductionIsNotChangedWithoutARehearsal(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	p.set("ENVIRONMENT", "production")
	const off = " --yes --skip-backup --rehearse off --reason now"
	for _, args := range []string{"migrate" + off, "rollback --target 10" + off} {
		d := p.wantsDocument(ops.ExitRefused, args)
		wantRefused(t, d, "production is not changed without a rehearsal", "nothing was touched", "--rehearse-on local", "allow_off")
	}
	p.write(p.path("clipperops.yaml"), "environments:\n  staging:\n    rehearse: {allow_off: true}\n  production:\n    rehearse: {mode: off}\n")
	p.wants(ops.ExitRefused, "migrate --yes --skip-backup --reason now", "production is not changed without a rehearsal")
	p.wantVersion(10)

	p.write(p.path("clipperops.yaml"), "environments:\n  production:\n    rehearse: {allow_off: true}\n")
	p.wants(ops.ExitUsage, "migrate --yes --skip-backup --rehearse off", "--reason")
	p.wants(ops.ExitDone, "migrate"+off, "not rehearsed: now")
	p.wantVersion(97)
	p.wants(ops.ExitDone, "rollback --target 10"+off, "not rehearsed: now")
	p.wantVersion(10)
}

// TestFlagsOfARehearsalThatLeadNowhere are usage errors that say which to leave out.
func TestFlagsOfARehearsalThatLeadNowhere(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	for args, says := range map[string]string{
		"migrate --no-rehearse":                                "--dry-run",
		"rollback --target 10 --no-rehearse":                   "--dry-run",
		"migrate --rehearse data --skip-backup":                "--skip-backup",
		"rollback --target 10 --rehearse data --skip-backup":   "--skip-backup",
		"rollback --target 10 --dry-run --rehearse-only":       "--rehearse-only",
		"migrate --rehearse-on elsewhere":                      "local, same",
		"migrate --rehearse-on locla":                          "local",
		"migrate --rehearse-on mysql://h/db":                   "postgres://",
		"migrate --cancel-idle-blockers soon":                  "cancel-idle-blockers",
		"scratch list --rehearse-on nowhere":                   "local, same",
		"migrate --rehearse data --dry-run --rehearse-only":    "rehearse-only",
		"migrate rehearse --skip-backup":                       "skip-backup",
		"rollback --target 10 --rehearse-only --no-rehearse":   "--dry-run",
		"migrate --rehearse schema --rehearse-on postgres:///": "rehearse-on",
	} {
		p.wants(ops.ExitUsage, args, says)
	}
	p.wantVersion(10)
}
