package main

import (
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestTheDatabaseChangesWhileTheOperatorThinks: what was rehearsed is no longer what is
// there when 'yes' is typed. It is refused, names what changed, and nothing of the run's
// is done. The same command again rehearses on what is there now.
func TestTheDatabaseChangesWhileTheOperatorThinks(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	s := p.atTerminal("migrate --skip-backup --rehearse-on same")
	s.awaitSays(migrateWord)
	if left := p.scratch(); len(left) > 0 {
		t.Errorf("the clone waits for the answer: %q", left)
	}
	pgtest.Exec(t, p.target, "CREATE INDEX in_a_hurry ON comments (created_at)")
	before := p.schema()
	s.answers(migrateWord, "yes\n")
	s.ends(ops.ExitRefused, "the database has changed since the rehearsal", `\+ index in_a_hurry`, "nothing was changed by this run", "same command again")
	p.wantVersion(10)
	p.wantSchema(before)

	s = p.atTerminal("migrate --skip-backup --rehearse-on same")
	s.answers(migrateWord, "yes\n")
	s.ends(ops.ExitDone, "Moderation system is ready for use.")
	p.wantVersion(97)

	s = p.atTerminal("rollback --target 49 --skip-backup --rehearse-on same")
	s.awaitSays(rollbackWord)
	pgtest.Exec(t, p.target, "ALTER TABLE clips ALTER COLUMN title DROP NOT NULL; DROP INDEX in_a_hurry")
	before = p.schema()
	s.answers(rollbackWord, "ROLLBACK\n")
	s.ends(ops.ExitRefused, "the database has changed since the rehearsal", "- index in_a_hurry", "~ column clips.title", "nothing was changed by this run")
	p.wantVersion(97)
	p.wantSchema(before)
}

// TestRowsThatChangeWhileTheOperatorThinks are no reason to stop: applications write all
// the time.
func TestRowsThatChangeWhileTheOperatorThinks(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	s := p.atTerminal("migrate --skip-backup --rehearse-on same")
	s.awaitSays(migrateWord)
	pgtest.Exec(t, p.target, "DELETE FROM comments; UPDATE users SET username = username || 'x'; ANALYZE")
	s.answers(migrateWord, "yes\n")
	s.ends(ops.ExitDone, "Moderation system is ready for use.")
	p.wantVersion(97)
}

// TestSomebodyComesInTheWayWhileTheOperatorThinks: what preflight found in order is asked
// again. A prepared transaction, left by nobody, holds its locks for ever.
func TestSomebodyComesInTheWayWhileTheOperatorThinks(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	s := p.atTerminal("migrate --skip-backup --rehearse-on same")
	s.awaitSays(migrateWord)
	name := "left_" + p.target.Database
	pgtest.Exec(t, p.target, "BEGIN; LOCK TABLE clip_submissions IN ROW EXCLUSIVE MODE; PREPARE TRANSACTION '"+name+"'")
	ended := false
	t.Cleanup(func() { // or nobody could drop the database
		if !ended {
			afterwards(t, p.target, "ROLLBACK PREPARED '"+name+"'")
		}
	})
	s.answers(migrateWord, "yes\n")
	s.ends(ops.ExitChecks, "activity.prepared", name, "nothing was changed", "ROLLBACK PREPARED")
	p.wantVersion(10)
	pgtest.Exec(t, p.target, "ROLLBACK PREPARED '"+name+"'")
	ended = true
	p.wants(ops.ExitDone, "migrate --skip-backup --yes --rehearse-on same")
	p.wantVersion(97)
}

// TestWhatTheOperatorIsAskedAfter: the findings of the rehearsal stand before the question.
func TestWhatTheOperatorIsAskedAfter(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	pgtest.Exec(t, p.asSuperuser(), "UPDATE pg_class SET reltuples = 4e7, relpages = 500000 WHERE oid = 'clip_submissions'::regclass")
	s := p.atTerminal("migrate --skip-backup --rehearse-on same")
	s.answers(`a clone on the target's own server.*clip_submissions.*40,000,000 rows.*`+migrateWord, "no\n")
	s.ends(ops.ExitRefused, "not confirmed", "nothing was (changed|touched)")
	p.wantVersion(10)
}
