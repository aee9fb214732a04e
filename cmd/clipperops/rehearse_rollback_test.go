package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestARollbackThatCannotComeToItsEnd: an object made by hand depends on what a down file
// drops. It is refused before the database is touched, with the file, its line, the server's
// detail and the lowest target that can be reached, which then is reached.
func TestARollbackThatCannotComeToItsEnd(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole()))
	pgtest.Exec(t, p.target, "CREATE VIEW open_appeals AS SELECT id, reason FROM moderation_appeals WHERE status = 'pending'")
	pgtest.Exec(t, p.target, strings.ReplaceAll(moderationRows, "@", "here"))
	rows := p.rows("moderation_appeals")
	before := p.schema()
	const reach = "targets 69 … 50 can be reached; 49 cannot, because 000050_add_moderation_appeals.down.sql:1: cannot drop table moderation_appeals because other objects depend on it"

	for _, args := range []string{"rollback --target 10 --dry-run", "rollback --target 10 --rehearse-only", "rollback --target 10", "rollback --target 49 --skip-backup"} {
		d := p.wantsDocument(ops.ExitRefused, args)
		wantRefused(t, d, "000050_add_moderation_appeals.down.sql fails on a clone of the database", "line 1",
			"view open_appeals depends on table moderation_appeals", "2BP01", reach, "the database was not touched")
		if slices.Contains(stepNames(d), "archive") || slices.Contains(stepNames(d), "revert") {
			t.Errorf("%s: the steps are %v", args, stepNames(d))
		}
		if rehearsed := rehearsalOf(t, d); len(rehearsed.Passes) != 1 || rehearsed.Passes[0].Reached != 50 || rehearsed.Passes[0].Error == "" {
			t.Errorf("%s: the passes are %+v", args, rehearsed.Passes)
		}
	}
	p.wantVersion(97)
	p.wantSchema(before)
	if got := p.rows("moderation_appeals"); !slices.Equal(got, rows) {
		t.Errorf("rows %q, before %q", got, rows)
	}
	p.wantBackups("archive-*.zip", 0)
	p.wantBackups("db-*.sql.gz", 1) // of the one that would have begun
	p.wantNoScratch()
	p.wants(ops.ExitRefused, "rollback --target 10 --skip-backup", "targets 69 … 50 can be reached; 49 cannot", "open_appeals depends on")

	d := p.wantsDocument(ops.ExitRefused, "rollback --target 10 --skip-backup")
	p.typed(ops.ExitDone, suggested(t, d, "or go as far as it goes: ")+" --skip-backup", "Rolled back to version 50")
	p.wantVersion(50)
	if got := p.rows("open_appeals"); len(got) == 0 {
		t.Error("the view has no rows any more")
	}
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "rollback --target 11 --skip-backup"), "no target below 50 can be reached")
	pgtest.Exec(t, p.target, "DROP VIEW open_appeals")
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup", "Rolled back to version 10")
	p.wantVersion(10)
	p.wantNoScratch()
}

// TestTheLowestTargetOfAChainWithGaps: versions 11, 20, 300, 4000.
func TestTheLowestTargetOfAChainWithGaps(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	files := map[string]string{}
	for _, version := range []int{11, 20, 300, 4000} {
		files[fmt.Sprintf("%06d_t%d.up.sql", version, version)] = fmt.Sprintf("CREATE TABLE t%d (n int PRIMARY KEY);\n", version)
		files[fmt.Sprintf("%06d_t%d.down.sql", version, version)] = fmt.Sprintf("-- away with it\n\nDROP TABLE t%d;\n", version)
	}
	chosen := p.tiny(files)
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen, "10 → 4000")
	pgtest.Exec(t, p.target, "CREATE TABLE by_hand (n int REFERENCES t20)")
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "rollback --target 10"+chosen), "targets 300 … 20 can be reached; 11 cannot",
		"000020_t20.down.sql", "line 3", "constraint by_hand_n_fkey on table by_hand depends on table t20")
	pgtest.Exec(t, p.target, "ALTER TABLE by_hand DROP CONSTRAINT by_hand_n_fkey, ADD FOREIGN KEY (n) REFERENCES t300")
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "rollback --target 11"+chosen), "target 300 can be reached; 20 cannot")
	p.wants(ops.ExitDone, "rollback --target 300 --skip-backup"+chosen, "Rolled back to version 300")
	pgtest.Exec(t, p.target, "DROP TABLE by_hand")
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen, "Rolled back to version 10")
	p.wantVersion(10)
}

// TestTheWayForwardAgainIsOnlyAWarning: who goes back need not come again.
func TestTheWayForwardAgainIsOnlyAWarning(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": makeOne, "000011_one.down.sql": "DROP TABLE one;\n",
		"000012_two.up.sql": "ALTER TABLE one ADD COLUMN m int REFERENCES one;\n", "000012_two.down.sql": "ALTER TABLE one DROP COLUMN m;\n",
	})
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen)
	p.rewrite("000012_two.up.sql", "ALTER TABLE one ADD COLUMN m int REFERENCES gone;\n")
	d := p.wantsDocument(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen)
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusWarn, "000012_two.up.sql", `relation "gone" does not exist`)
	wantResult(t, d, "prove", "rollback.rehearsed", ops.StatusPass)
	p.wantVersion(10)
	p.wantNoScratch()
}

// TestARollbackSaysOnTheCloneWhatItLocksAndLoses, before anybody is asked.
func TestARollbackSaysOnTheCloneWhatItLocksAndLoses(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole()))
	pgtest.Exec(t, p.target, strings.ReplaceAll(moderationRows, "@", "here"))
	d := p.wantsDocument(ops.ExitDone, "rollback --target 10 --rehearse data")
	wantResult(t, d, "rehearse", "rehearse.backup", ops.StatusPass, "restorable")
	lost := resultOf(t, d, "rehearse", "rehearse.lost")
	text := lost.Summary
	for _, f := range lost.Evidence {
		text += "\n" + f.Name + " " + f.Value
	}
	for _, table := range []string{"moderation_queue", "forum_threads"} {
		if !strings.Contains(text, table) {
			t.Errorf("%s is lost, and not in\n%s", table, text)
		}
	}
	p.wantVersion(10)
	p.wantNoScratch()
}
