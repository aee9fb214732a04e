package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/runbook"
)

// marked is a Clipper at that version of the release, with a dirty row.
func marked(t *testing.T, version string, mark int64) *program {
	t.Helper()
	p := atTen(t)
	if version != "10" {
		p.wants(ops.ExitDone, "migrate --skip-backup --rehearse off --reason test --target "+version)
	}
	pgtest.Exec(t, p.target, "UPDATE schema_migrations SET dirty = true, version = $1", mark)
	return p
}

// versionRows are the version rows as text.
func (p *program) versionRows() string {
	p.t.Helper()
	return strings.Join(pgtest.QueryColumn[string](p.t, p.target, "SELECT version || ' ' || dirty FROM schema_migrations ORDER BY 1"), ", ")
}

// TestRepairLooksAndNoMore: without --apply nothing is written, asked or locked, and a
// report can be had of it.
func TestRepairLooksAndNoMore(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 50)
	before := p.schema()
	d := p.wantsDocument(ops.ExitDone, "migrate repair --env production --rehearse-on same --report repair.md")
	wantResult(t, d, "compare", "repair.version", ops.StatusWarn, "nothing of 000050 was applied: version 49, clean")
	if !strings.Contains(string(d.Data), `"verdict": "nothing applied"`) {
		t.Errorf("data %s", d.Data)
	}
	text, err := os.ReadFile(p.path("repair.md"))
	if err != nil || !strings.Contains(string(text), "nothing of 000050 was applied") {
		t.Errorf("%v\n%s", err, text)
	}
	if p.versionRows() != "50 true" {
		t.Errorf("rows %s", p.versionRows())
	}
	p.wantSchema(before)
	p.wantNoScratch()
}

// TestRepairAsksOnProduction: there it needs a yes, and elsewhere it does not.
func TestRepairAsksOnProduction(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	p.wants(ops.ExitRefused, "migrate repair --apply --env production --rehearse-on same", "no terminal", "--yes")
	if p.versionRows() != "49 true" {
		t.Errorf("rows %s", p.versionRows())
	}
	p.wants(ops.ExitDone, "migrate repair --apply --env production --rehearse-on same --yes", "all of 000049 was applied", "Repaired: the database is at version 49, clean")
	p.wantVersion(49)
	p.wants(ops.ExitDone, "history", "migrate repair")
	p.wants(ops.ExitDone, "migrate --skip-backup")
	p.wantVersion(97)
}

// TestRepairOfPartOfAFile gives the SQL both ways, and refuses to write a version.
func TestRepairOfPartOfAFile(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	pgtest.Exec(t, p.target, "DROP TABLE moderation_decisions")
	p.wants(ops.ExitChecks, "migrate repair", "000049 was applied in part", `\+ table moderation_queue`, `\+ table moderation_decisions`,
		"CREATE TABLE moderation_decisions", "DROP TABLE IF EXISTS moderation_queue", "tried on a clone")
	p.wants(ops.ExitRefused, "migrate repair --apply", "nothing was changed")
	if p.versionRows() != "49 true" {
		t.Errorf("rows %s", p.versionRows())
	}
	p.wantNoScratch()
}

// TestRepairLeavesOurOwnMarkAlone: clipperops knows which statements are done.
func TestRepairLeavesOurOwnMarkAlone(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	up := filepath.Join(dir, "000012_index.up.sql")
	p.write(up, "CREATE INDEX CONCURRENTLY first_one ON clips (title);\nCREATE UNIQUE INDEX CONCURRENTLY second_one ON clips ((1));\n")
	p.write(filepath.Join(dir, "000012_index.down.sql"), "DROP INDEX CONCURRENTLY first_one;\nDROP INDEX CONCURRENTLY second_one;\n")
	p.wants(ops.ExitFailed, "migrate --skip-backup --rehearse off --reason test --target 12 --path "+dir, "could not create unique index")
	for _, args := range []string{"migrate repair --path ", "migrate repair --apply --path "} {
		p.wants(ops.ExitDone, args+dir, "nothing to repair: clipperops was interrupted in the up file of 000012", "it goes on there: clipperops migrate --env staging")
	}
	// Forced away, its marks go too: a later mark of another tool is not taken for it.
	p.wants(ops.ExitDone, "migrate force 11 --yes --path "+dir, "Forced: the version row says version 11, clean")
	if n := pgtest.QueryValue[int](t, p.target, "SELECT count(*) FROM clipperops.statements"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
}

// TestRepairWhereNoCloneCanBeHad says what to choose instead; a force goes on without.
func TestRepairWhereNoCloneCanBeHad(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	pgtest.Exec(t, p.asSuperuser(), `ALTER ROLE "`+p.target.User+`" NOCREATEDB`)
	p.wants(ops.ExitRefused, "migrate repair", "may not create databases", "--rehearse-on local", "nothing was touched")
	p.wants(ops.ExitDone, "migrate force 49 --yes", "the comparison could not be made", "Forced")
	p.wantVersion(49)
}

// TestForceSetsWhatItIsTold: it shows what the comparison says, asks everywhere, and is
// recorded.
func TestForceSetsWhatItIsTold(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	before := p.schema()
	for _, environment := range []string{"staging", "development"} {
		p.wants(ops.ExitRefused, "migrate force 11 --env "+environment, "no terminal to ask on", "nothing was changed")
	}
	p.wants(ops.ExitUsage, "migrate force", "needs VERSION")
	p.wants(ops.ExitUsage, "migrate force some --yes", `"some" is not a version`)
	p.wants(ops.ExitUsage, "migrate force 48 --yes", "there is no migration 48 in the embedded set", "nothing was changed")
	if p.versionRows() != "49 true" {
		t.Errorf("rows %s", p.versionRows())
	}
	d := p.wantsDocument(ops.ExitDone, "migrate force 11 --yes")
	wantResult(t, d, "advice", "force.comparison", ops.StatusWarn, "version 11 is not what the comparison says", "all of 000049 was applied: version 49, clean")
	var data runbook.ForceData
	if err := json.Unmarshal(d.Data, &data); err != nil || data.From != 49 || !data.Dirty || data.To != 11 || data.Comparison == nil || data.Comparison.Version != 49 {
		t.Errorf("%v %s", err, d.Data)
	}
	p.wantVersion(11)
	p.wants(ops.ExitDone, "history", "migrate force")

	// A clean row as well, back to what is true: the comparison agrees.
	text := p.wants(ops.ExitDone, "migrate force 000049 --yes", "all of 000049 was applied", "Forced: the version row says version 49, clean")
	if strings.Contains(text, "is not what the comparison says") {
		t.Error(text)
	}
	p.wants(ops.ExitDone, "migrate force none --yes", "Forced: the version row says no version, clean")
	if p.versionRows() != "" {
		t.Errorf("rows %s", p.versionRows())
	}
	p.wantSchema(before)
	p.wantNoScratch()
}
