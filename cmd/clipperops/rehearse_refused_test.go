package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// The first two files of chains that cannot be migrated to their end.
const (
	makeOne = "CREATE TABLE one (n int PRIMARY KEY);\n"
	makeTwo = "CREATE TABLE two (n int);\n"
)

// TestAChainThatCannotBeMigratedUp is refused before anything is touched: the file, its
// line, the server's word, and how far the chain can go. The backup stays.
func TestAChainThatCannotBeMigratedUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		line string
		says []string
	}{
		"a GRANT to a role that is not there, which no reader of the file can see": {
			"CREATE TABLE three (n int);\n\nDO $$ BEGIN EXECUTE 'GRANT SELECT ON three TO nobody_' || 'of_that_name'; END $$;\n", "3",
			[]string{`role "nobody_of_that_name" does not exist`, "42704"},
		},
		"an extension that is not there, which no reader of the file can see": {
			"CREATE TABLE three (n int);\nDO $$ BEGIN EXECUTE 'CREATE EXTENSION thin_' || 'clouds'; END $$;\n", "2",
			[]string{`thin_clouds`},
		},
		"a table that is not there": {
			"CREATE TABLE three (n int);\nCREATE TABLE four (\n    n int,\n    m uuid REFERENCES userz (id)\n);\n", "4",
			[]string{`relation "userz" does not exist`, "42P01"},
		},
		"a name that is taken": {
			"-- made by hand long ago\nCREATE TABLE comments (n int);\n", "2",
			[]string{`relation "comments" already exists`, "42P07"},
		},
		"a file that is no SQL": {
			"CREATE TABLE three (n int);\nCREATE TABEL four (n int);\n", "2",
			[]string{`syntax error at or near "TABEL"`, "42601", "^"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := atTen(t)
			chosen := p.tiny(map[string]string{
				"000011_one.up.sql": makeOne, "000011_one.down.sql": "DROP TABLE one;\n",
				"000020_two.up.sql": makeTwo, "000020_two.down.sql": "DROP TABLE two;\n",
				"000049_three.up.sql": c.body, "000049_three.down.sql": "DROP TABLE IF EXISTS four, three;\n",
				"000050_five.up.sql": "CREATE TABLE five (n int);\n", "000050_five.down.sql": "DROP TABLE five;\n",
			})
			before := p.schema()
			d := p.wantsDocument(ops.ExitRefused, "migrate"+chosen)
			wantRefused(t, d, append(c.says, "000049_three.up.sql", "line "+c.line, "versions up to 20 can be reached; 49 cannot",
				"000049_three.up.sql:"+c.line, "the database was not touched")...)
			wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusFail, "000049_three.up.sql", "fails on the clone")
			p.wantVersion(10)
			p.wantSchema(before)
			p.wantNoScratch()
			p.wantBackups("db-*.sql.gz", 1)
			if last := p.says("history --limit 1"); !strings.Contains(unwrapped(last), "outcome refused") || !strings.Contains(last, "stopped the run") {
				t.Errorf("the ledger says\n%s", last)
			}
			text := p.wants(ops.ExitRefused, "migrate --skip-backup"+chosen, "000049_three.up.sql fails on a clone", "line "+c.line, "20 can be reached; 49 cannot")
			if strings.Contains(text, "apply") {
				t.Errorf("it came to apply:\n%s", text)
			}

			// As far as it goes, by the command that is suggested.
			p.typed(ops.ExitDone, suggested(t, d, "or go as far as it goes: ")+" --skip-backup", "Rolled|10 → 20")
			p.wantVersion(20)
			p.wantNoScratch()
		})
	}
}

// TestWhatPreflightSeesTheRehearsalSeesToo: a role and an extension that are not there stop a
// migration before a backup is taken; the rehearsal alone names the line.
func TestWhatPreflightSeesTheRehearsalSeesToo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, check, says string }{
		"a role":       {"GRANT SELECT ON two TO nobody_of_that_name", "prereq.roles", `role "nobody_of_that_name" does not exist`},
		"an extension": {"CREATE EXTENSION thin_clouds", "prereq.extensions", "thin_clouds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := atTen(t)
			chosen := p.tiny(map[string]string{
				"000011_one.up.sql": makeOne, "000011_one.down.sql": "DROP TABLE one;\n",
				"000012_two.up.sql": makeTwo + "\n" + c.statement + ";\n", "000012_two.down.sql": "DROP TABLE two;\n",
			})
			before := p.schema()
			p.wants(ops.ExitChecks, "migrate"+chosen, c.check, "nothing was changed")
			for _, args := range []string{"migrate rehearse", "migrate --dry-run"} {
				wantRefused(t, p.wantsDocument(ops.ExitRefused, args+chosen), "000012_two.up.sql", "line 3", c.says, "versions up to 11 can be reached; 12 cannot")
			}
			p.wantVersion(10)
			p.wantSchema(before)
			p.wantBackups("*", 0)
			p.wantNoScratch()
		})
	}
}

// TestTheFirstFileCannotBeApplied: there is no version to go to instead.
func TestTheFirstFileCannotBeApplied(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{"000011_one.up.sql": "SELECT 1/0;\n", "000011_one.down.sql": "SELECT 1;\n"})
	d := p.wantsDocument(ops.ExitRefused, "migrate --skip-backup"+chosen)
	wantRefused(t, d, "no version above 10 can be reached", "000011_one.up.sql", "division by zero")
	if next := strings.Join(d.Error.Next, "\n"); strings.Contains(next, "--target") {
		t.Errorf("it suggests %s", next)
	}
	p.wantVersion(10)
}

// TestAChainThatCannotBeUndone is refused and says what is left or lacks, and by which
// file; allowed, it goes on with a warning.
func TestAChainThatCannotBeUndone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up, down string
		says     []string
	}{
		"the down file forgets an index": {
			"CREATE TABLE three (n int);\nCREATE INDEX left_behind ON comments (created_at);\n", "DROP TABLE three;\n", []string{"left_behind", "another schema", "000012_three"},
		},
		"the down file takes too much": {
			"ALTER TABLE users ADD COLUMN karma int;\n", "ALTER TABLE users DROP COLUMN karma;\nDROP TABLE comments;\n", []string{"- table comments", "another schema"},
		},
		"the down file does nothing": {
			"CREATE TABLE three (n int);\n", "SELECT 1;\n", []string{"table three", "000012_three"},
		},
		"the down file fails": {
			"CREATE TABLE three (n int);\n", "DROP TABLE three;\nDROP TABLE never_made;\n", []string{`table "never_made" does not exist`, "000012_three.down.sql", "line 2"},
		},
		"what is dropped is not put back as it was": {
			"ALTER TABLE comments ALTER COLUMN content SET DEFAULT '';\n", "ALTER TABLE comments ALTER COLUMN content SET DEFAULT ' ';\n", []string{"content"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := atTen(t)
			chosen := p.tiny(map[string]string{
				"000011_one.up.sql": makeOne, "000011_one.down.sql": "DROP TABLE IF EXISTS one;\n",
				"000012_three.up.sql": c.up, "000012_three.down.sql": c.down,
			})
			before := p.schema()
			d := p.wantsDocument(ops.ExitRefused, "migrate --skip-backup"+chosen)
			wantRefused(t, d, append(c.says, "cannot be undone", "the database was not touched", "--allow-irreversible")...)
			wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
			wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusFail)
			p.wantVersion(10)
			p.wantSchema(before)

			d = p.wantsDocument(ops.ExitDone, "migrate --skip-backup --allow-irreversible"+chosen)
			wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusWarn)
			wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
			if d.Outcome != ops.OutcomeWarn {
				t.Errorf("the outcome is %s", d.Outcome)
			}
			p.wantVersion(12)
			p.wantNoScratch()
		})
	}
}

// TestAChainWithoutItsDownFile cannot be undone either.
func TestAChainWithoutItsDownFile(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{"000011_one.up.sql": makeOne})
	p.wants(ops.ExitChecks, "migrate"+chosen, "000011_one.up.sql has no down file", "nothing was changed")
	d := p.wantsDocument(ops.ExitRefused, "migrate rehearse"+chosen)
	wantRefused(t, d, "cannot be undone", "000011", "the database was not touched", "--allow-irreversible")
	d = p.wantsDocument(ops.ExitDone, "migrate rehearse --allow-irreversible"+chosen)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusWarn, "there is no way back")
	p.wantVersion(10)

	// One story: what the rehearsal and the checks advise is what lets the change go on, and
	// no way back is promised afterwards.
	p.wants(ops.ExitChecks, "preflight"+chosen, "--allow-irreversible")
	p.wants(ops.ExitDone, "preflight --allow-irreversible"+chosen, "next: clipperops migrate --dry-run .* --allow-irreversible")
	said := p.wants(ops.ExitDone, "migrate --skip-backup --allow-irreversible"+chosen, "there is no way back: .*000011_one.up.sql: has no down file")
	if strings.Contains(said, "undo with") || strings.Contains(said, "or accept") {
		t.Errorf("it promises a way back, or advises what was given:\n%s", said)
	}
	p.wantVersion(11)
	p.wantNoScratch()
}

// TestFilesOutsideTransactionsAreRehearsed: several DROP INDEX CONCURRENTLY in one down file,
// there and back, on a clone and then in earnest.
func TestFilesOutsideTransactionsAreRehearsed(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": "CREATE TABLE one (n int, m int);\n", "000011_one.down.sql": "DROP TABLE one;\n",
		"000300_indexes.up.sql":   "CREATE INDEX CONCURRENTLY one_n ON one (n);\nCREATE INDEX CONCURRENTLY one_m ON one (m);\nCREATE INDEX CONCURRENTLY comments_c ON comments (created_at);\n",
		"000300_indexes.down.sql": "DROP INDEX CONCURRENTLY comments_c;\nDROP INDEX CONCURRENTLY one_m;\nDROP INDEX CONCURRENTLY one_n;\n",
	})
	before := p.schema()
	d := p.wantsDocument(ops.ExitDone, "migrate --skip-backup"+chosen)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	r := rehearsalOf(t, d)
	if len(r.Passes) != 3 || len(r.Passes[0].Files) != 2 || len(r.Passes[0].Files[1].Statements) != 3 {
		t.Fatalf("the passes: %+v", r.Passes)
	}
	found := ""
	for _, l := range r.Passes[0].Files[1].Locks {
		if l.Relation.Name == "comments" {
			found = l.Mode
		}
	}
	if found != "SHARE UPDATE EXCLUSIVE" {
		t.Errorf("CREATE INDEX CONCURRENTLY locked comments %q", found)
	}
	d = p.wantsDocument(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen)
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	wantResult(t, d, "prove", "rollback.rehearsed", ops.StatusPass)
	p.wantVersion(10)
	p.wantSchema(before)

	// One of them fails in the middle of the file: not even begun in earnest.
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen)
	p.rewrite("000300_indexes.down.sql", "DROP INDEX CONCURRENTLY comments_c;\nDROP INDEX CONCURRENTLY never_made;\nDROP INDEX CONCURRENTLY one_n;\n")
	before = p.schema()
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "rollback --target 10 --skip-backup"+chosen),
		"000300_indexes.down.sql", "line 2", `index "never_made" does not exist`, "no target below 300 can be reached")
	p.wantVersion(300)
	p.wantSchema(before)
	if n := pgtest.QueryValue[int](t, p.target, "SELECT count(*)::int FROM pg_index WHERE NOT indisvalid"); n > 0 {
		t.Errorf("%d indexes are not valid", n)
	}
}
