package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestADryRunRehearses where a clone can be had, and finds there what would stop the change.
func TestADryRunRehearses(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	d := p.wantsDocument(ops.ExitDone, "migrate --dry-run")
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	if r := rehearsalOf(t, d); len(r.Passes) != 3 {
		t.Errorf("%d passes", len(r.Passes))
	}
	d = p.wantsDocument(ops.ExitDone, "migrate --dry-run --no-rehearse")
	wantResult(t, d, "rehearse", "rehearse", ops.StatusSkip, "--no-rehearse")
	if strings.Contains(string(d.Data), `"rehearsal"`) {
		t.Errorf("it was rehearsed all the same:\n%s", d.Data)
	}
	// What the change would be refused, its dry run is.
	p.wants(ops.ExitUsage, "migrate --dry-run --rehearse off", "needs a reason")
	p.wants(ops.ExitUsage, "rollback --target 9 --dry-run --rehearse off", "needs a reason")
	p.wants(ops.ExitDone, "migrate --dry-run --rehearse off --reason moving", "not rehearsed")
	p.wantVersion(10)
	p.wantNoScratch()
	if n := p.ledgerRows(); n != 0 {
		t.Errorf("%d runs are recorded", n)
	}

	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": "CREATE TABLE one (n int REFERENCES nosuch);\n", "000011_one.down.sql": "DROP TABLE one;\n",
	})
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "migrate --dry-run"+chosen), "000011_one.up.sql", "nosuch")

	p.wants(ops.ExitDone, "migrate --skip-backup")
	d = p.wantsDocument(ops.ExitDone, "rollback --target 10 --dry-run")
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	if r := rehearsalOf(t, d); len(r.Passes) != 2 {
		t.Errorf("%d passes", len(r.Passes))
	}
	p.wants(ops.ExitDone, "rollback --target 10 --dry-run --no-rehearse", "not rehearsed: --no-rehearse")
	p.wantVersion(97)
	p.wantNoScratch()
}

// TestARoleThatMayNotCreateDatabases rehearses elsewhere: a dry run goes without, and says
// what would help; a change is refused.
func TestARoleThatMayNotCreateDatabases(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	may := func(attribute string) {
		pgtest.Exec(t, p.asSuperuser(), "ALTER ROLE "+pgx.Identifier{p.target.User}.Sanitize()+" "+attribute)
	}
	may("NOCREATEDB")
	d := p.wantsDocument(ops.ExitDone, "migrate --dry-run")
	wantResult(t, d, "rehearse", "rehearse", ops.StatusWarn, "not rehearsed", "may not create databases", "CREATEDB")
	d = p.wantsDocument(ops.ExitChecks, "preflight")
	wantResult(t, d, "environment", "env.rehearsal", ops.StatusFail, "may not create databases", "CREATEDB", "--rehearse-on local")
	d = p.wantsDocument(ops.ExitDone, "preflight --rehearse-on local")
	wantResult(t, d, "environment", "env.rehearsal", ops.StatusPass)
	before := p.schema()
	for _, args := range []string{"migrate", "migrate rehearse"} {
		wantRefused(t, p.wantsDocument(ops.ExitRefused, args), "may not create databases", "CREATEDB", "--rehearse-on local")
	}
	p.wantVersion(10)
	p.wantSchema(before)
	p.wants(ops.ExitDone, "migrate --rehearse-on local", "a clone on a throwaway server", "Moderation system is ready for use.")
	p.wants(ops.ExitDone, "rollback --target 10 --dry-run", "not rehearsed", "may not create databases", "97 → 10")
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "rollback --target 10"), "may not create databases", "--rehearse-on local")
	p.wantVersion(97)
	may("CREATEDB")
	p.wants(ops.ExitDone, "rollback --target 10", "Rolled back to version 10")
	p.wantNoScratch()
}
