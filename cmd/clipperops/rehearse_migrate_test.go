package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAMigrationRunsOnACloneFirst: up, down and up again on the target's own server, and
// what was measured there is in the document; afterwards the schema is the rehearsed one,
// and no scratch database is left.
func TestAMigrationRunsOnACloneFirst(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	d := p.wantsDocument(ops.ExitDone, "migrate")
	names := stepNames(d)
	if !inOrder(names, "plan", "preflight", "backup", "rehearse", "recheck", "apply", "validate") {
		t.Errorf("the steps are %v", names)
	}
	wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass, "a clone on the target's own server", "the schema of")
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass, "5 files")
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	wantResult(t, d, "rehearse", "rehearse.repeats", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wantVersion(97)
	p.wantNoScratch()

	r := rehearsalOf(t, d)
	if r.Mode != "schema" || r.Place != "the target's own server" || r.Took <= 0 || len(r.Passes) != 3 {
		t.Fatalf("mode %q, place %q, took %s, %d passes", r.Mode, r.Place, r.Took, len(r.Passes))
	}
	for i, want := range []struct {
		pass, direction string
		reached         int64
	}{{"there", "up", 97}, {"back", "down", 10}, {"again", "up", 97}} {
		pass := r.Passes[i]
		if pass.Pass != want.pass || pass.Direction != want.direction || pass.Reached != want.reached || pass.Error != "" || pass.Took <= 0 {
			t.Errorf("pass %d is %q %q to %d in %s, %q", i, pass.Pass, pass.Direction, pass.Reached, pass.Took, pass.Error)
		}
	}
	there := r.Passes[0]
	if len(there.Files) != 5 || len(r.Passes[1].Files) != 5 {
		t.Fatalf("%d files up, %d down", len(there.Files), len(r.Passes[1].Files))
	}
	first := there.Files[0]
	if first.Version != 11 || first.File != "000011_add_moderation_audit_logs.up.sql" || first.Took <= 0 || first.WAL <= 0 || first.Grown <= 0 || len(first.Changes) == 0 {
		t.Errorf("the first file: %+v", first)
	}
	if !slices.ContainsFunc(first.Locks, func(l rehearsedLock) bool {
		return l.Relation.Name == "clip_submissions" && l.Mode == "ACCESS EXCLUSIVE" && l.Held > 0 && !l.Relation.New
	}) {
		t.Errorf("ALTER TABLE clip_submissions took no ACCESS EXCLUSIVE lock: %+v", first.Locks)
	}
	if len(first.Statements) != 9 || !strings.HasPrefix(first.Statements[1].Text, "CREATE INDEX idx_submissions_is_nsfw") ||
		first.Statements[1].Line == 0 || len(first.Statements[1].Built) != 1 || first.Statements[1].Built[0].Table.Name != "clip_submissions" {
		t.Errorf("the statements of the first file: %+v", first.Statements)
	}
}

// inOrder reports whether the names stand in a list in that order.
func inOrder(all []string, names ...string) bool {
	at := 0
	for _, name := range names {
		found := slices.Index(all[at:], name)
		if found < 0 {
			return false
		}
		at += found + 1
	}
	return true
}

// TestARehearsalAloneChangesNothing, forward and back, in any environment; neither does it
// leave anything.
func TestARehearsalAloneChangesNothing(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	before := p.schema()
	p.wants(ops.ExitDone, "migrate rehearse", "rehearse", "a clone on the target's own server", "5 files", "nothing was changed", `clipperops migrate --env staging`)
	d := p.wantsDocument(ops.ExitDone, "migrate rehearse --target 49")
	if r := rehearsalOf(t, d); d.Command != "migrate rehearse" || r.Passes[0].Reached != 49 || len(r.Passes[0].Files) != 2 {
		t.Errorf("%s reached %d", d.Command, r.Passes[0].Reached)
	}
	p.wantSchema(before)
	p.wantVersion(10)
	p.wantNoScratch()
	if n := p.ledgerRows(); n != 0 {
		t.Errorf("%d runs are recorded", n)
	}
	p.wants(ops.ExitDone, "migrate rehearse --env production --rehearse-on same", "nothing was changed") // asks nobody

	p.wants(ops.ExitDone, "migrate --skip-backup")
	before = p.schema()
	files := p.files()
	p.wants(ops.ExitDone, "rollback --target 10 --rehearse-only", "97 → 10", "a clone on the target's own server", "nothing was changed", `clipperops rollback --target 10 --env staging`)
	r := rehearsalOf(t, p.wantsDocument(ops.ExitDone, "rollback --target 49 --rehearse-only"))
	if len(r.Passes) != 2 || r.Passes[0].Direction != "down" || r.Passes[0].Reached != 49 || r.Passes[1].Direction != "up" || r.Passes[1].Reached != 97 {
		t.Errorf("the passes of a rollback: %+v", r.Passes)
	}
	p.wantSchema(before)
	p.wantVersion(97)
	p.wantNoScratch()
	if after := p.files(); !slices.Equal(after, files) {
		t.Errorf("there are now %q, before %q", after, files)
	}
}

// TestThereIsNothingToRehearse where there is nothing to do.
func TestThereIsNothingToRehearse(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole()))
	for _, args := range []string{"migrate", "migrate rehearse", "migrate --dry-run"} {
		if text := p.wants(ops.ExitDone, args, "nothing to do"); strings.Contains(text, "clone") {
			t.Errorf("%s made a clone:\n%s", args, text)
		}
	}
	p.wants(ops.ExitDone, "rollback --target 97 --rehearse-only", "nothing to do")
}

// TestAnEmptyDatabaseIsRehearsedToo: from no version at all, and back to none.
func TestAnEmptyDatabaseIsRehearsedToo(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.AsRole()))
	d := p.wantsDocument(ops.ExitDone, "migrate rehearse")
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	if r := rehearsalOf(t, d); len(r.Passes) != 3 || r.Passes[1].Reached != -1 {
		t.Errorf("back it came to %+v", r.Passes)
	}
	p.wants(ops.ExitDone, "migrate --skip-backup", "Moderation system is ready for use.")
	p.wantNoScratch()
}

// TestALockIsWeighedByTheTableItStops: the same statement is a warning with the safe form
// where the table is large, and a note where it is small. The sizes are the target's.
func TestALockIsWeighedByTheTableItStops(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_index.up.sql":   "CREATE INDEX comments_again ON comments (created_at);\n",
		"000011_index.down.sql": "DROP INDEX comments_again;\n",
		"000012_wide.up.sql":    "ALTER TABLE clips ADD COLUMN drawn uuid DEFAULT gen_random_uuid();\n",
		"000012_wide.down.sql":  "ALTER TABLE clips DROP COLUMN drawn;\n",
	})
	small := p.wantsDocument(ops.ExitDone, "migrate rehearse"+chosen)
	for _, r := range stepOf(t, small, "rehearse").Results {
		if r.Status != ops.StatusPass {
			t.Errorf("small tables: %s %s: %s", r.Status, r.ID, r.Summary)
		}
	}
	// As if forty million comments were there, and the statistics knew.
	pgtest.Exec(t, p.asSuperuser(), "UPDATE pg_class SET reltuples = 4e7, relpages = 500000 WHERE oid = 'comments'::regclass")
	large := p.wantsDocument(ops.ExitDone, "migrate rehearse"+chosen)
	wantResult(t, large, "rehearse", "rehearse.locks.comments", ops.StatusWarn,
		"CREATE INDEX", "comments_again", "blocks writes to comments", "about ", "40,000,000 rows", "CREATE INDEX CONCURRENTLY comments_again ON comments (created_at)")
	wantResult(t, large, "rehearse", "rehearse.rewrite", ops.StatusPass, "clips") // small, and said all the same
	p.wants(ops.ExitDone, "migrate rehearse"+chosen, "blocks writes to comments", "safe form", "CONCURRENTLY")
}

// TestARehearsalStandsInTheReports of every format, with what it found.
func TestARehearsalStandsInTheReports(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	p.wants(ops.ExitDone, "migrate --skip-backup --report r.html --report r.md --report r.txt --report r.xml --report r.json")
	for _, name := range []string{"r.html", "r.md", "r.txt", "r.json"} {
		if body := contents(t, p.path(name)); !strings.Contains(body, "a clone on the target") || !strings.Contains(body, "rehearse") {
			t.Errorf("%s does not tell of the rehearsal:\n%s", name, body)
		}
	}
	if r := rehearsalOf(t, p.lastReport("migrate")); len(r.Passes) != 3 {
		t.Errorf("the report of the run has %d passes", len(r.Passes))
	}
}
