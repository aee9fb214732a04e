package migrate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
)

// committing makes a procedure that commits a row of done before it does the rest.
func committing(rest string) string {
	return "CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO done VALUES (1); COMMIT; " + rest + "; END $$"
}

// cutOff leaves what a run leaves that was killed while that statement of version 1 ran.
func cutOff(t *testing.T, target config.Target, src *migrate.Source, statement int) migrate.Ledger {
	t.Helper()
	conn := pgtest.Connect(t, target)
	if err := migrate.SetVersion(t.Context(), conn, 1, true); err != nil {
		t.Fatal(err)
	}
	l := recordIn(t, target)
	f, _ := src.Up(1)
	f.After = 1
	sum := sha256.Sum256([]byte(f.Statements[statement].Text))
	for _, m := range []migrate.Mark{{Index: -1, From: -1}, {Index: statement, Step: migrate.StatementStarted, SHA256: hex.EncodeToString(sum[:])}} {
		if err := l.Mark(t.Context(), conn, f, m); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// Guards against a file that only the server knows to run outside a transaction being
// planned as one that runs inside, so that every later run refused what the first had
// promised to go on with.
func TestAFileThatFailedAloneIsResumed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE done (n int)")
	pgtest.Exec(t, target, committing("PERFORM 1/0"))
	src := source(t, map[string]string{"000001_a.up.sql": "CALL p();", "000001_a.down.sql": "SELECT 1", "000002_b": "CREATE TABLE b (n int)"})
	o := migrate.ApplyOptions{Ledger: recordIn(t, target)}
	_, err := up(t, target, src, 2, o)
	failure(t, err, ops.ExitFailed, "division by zero", "no statement of 000001_a.up.sql was completed", "the next run goes on at statement 1 (line 1)")
	_, err = up(t, target, src, 2, o)
	failure(t, err, ops.ExitFailed, "division by zero", "the next run goes on at statement 1 (line 1)")
	pgtest.Exec(t, target, committing("NULL"))
	p, err := migrate.PlanUp(src, state(t, target), 2, nil)
	if err != nil {
		t.Fatal(show(err))
	}
	if f := p.Files[0]; !p.Resumes || f.Transactional || f.NonTransactionalReason != "what the server refused in a transaction (line 1)" {
		t.Errorf("resumes %t, transactional %t, %q", p.Resumes, f.Transactional, f.NonTransactionalReason)
	}
	must(t)(migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, o))
	at(t, target, 2, false)
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM done"); n != 3 {
		t.Errorf("the procedure committed %d times, want 3", n)
	}
}

// Guards against the same after a kill: the marks are those of a run that ended while the
// procedure ran.
func TestAFileThatWasCutOffAloneIsResumed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE done (n int)")
	pgtest.Exec(t, target, committing("NULL"))
	src := source(t, map[string]string{"000001_a": "CALL p();"})
	l := cutOff(t, target, src, 0)
	must(t)(up(t, target, src, 1, migrate.ApplyOptions{Ledger: l}))
	at(t, target, 1, false)
	exists(t, target, true, "done")
}

// Guards against code that commits where the caller has to be able to undo the file.
func TestAFileThatHasToBeWholeNeverRunsAlone(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE done (n int)")
	pgtest.Exec(t, target, committing("NULL"))
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (n int)", "000002_b": "CALL p();"})
	_, err := up(t, target, src, 2, migrate.ApplyOptions{Whole: true, Ledger: recordIn(t, target)})
	failure(t, err, ops.ExitFailed, "000002_b.up.sql failed; nothing of it was applied", "2D000", "in plain SQL, what the code does", "version 1, clean")
	at(t, target, 1, false)
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM done"); n != 0 {
		t.Errorf("%d rows were committed", n)
	}
	err = migrate.RunBody(t.Context(), target, "b", "CALL p();", migrate.ApplyOptions{Whole: true})
	failure(t, err, ops.ExitFailed, "2D000", "in plain SQL, what the code does")
}

// patience is a statement that cannot run in a transaction and notes the lock_timeout it has.
const patience = "DO $$ BEGIN INSERT INTO seen VALUES (current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')); COMMIT; END $$"

// Guards against a statement that stops others keeping the patience of a CONCURRENTLY
// before it, or that of our own clearing up.
func TestOnlyConcurrentlyWaitsLongForALock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"after it":                   {"DROP INDEX CONCURRENTLY IF EXISTS nothing;\n" + patience, "150ms 0"},
		"between two":                {"DROP INDEX CONCURRENTLY IF EXISTS nothing;\n" + patience + ";\nDROP INDEX CONCURRENTLY IF EXISTS nothing", "150ms 0"},
		"the file's own is kept":     {"SET lock_timeout = '90ms';\nSET statement_timeout = '1h';\nDROP INDEX CONCURRENTLY IF EXISTS nothing;\n" + patience, "90ms 1h"},
		"statement_timeout alone":    {"SET statement_timeout = '1h';\nDROP INDEX CONCURRENTLY IF EXISTS nothing;\n" + patience, "150ms 1h"},
		"the file took its own back": {"RESET lock_timeout;\n" + patience, "150ms 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			pgtest.Exec(t, target, "CREATE TABLE seen (what text)")
			must(t)(up(t, target, source(t, map[string]string{"000001_a": c.body}), 1, quick(migrate.ApplyOptions{})))
			if diff := cmp.Diff([]string{c.want}, pgtest.QueryColumn[string](t, target, "SELECT what FROM seen")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards against the file's own timeouts being lost when an INVALID index is dropped.
func TestDroppingAnInvalidIndexKeepsTheFilesTimeouts(t *testing.T) {
	t.Parallel()
	target, _ := indexed(t)
	conn := pgtest.Connect(t, target)
	if _, err := conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY t_c ON t (c)"); err == nil {
		t.Fatal("the rows are unique")
	}
	pgtest.Exec(t, target, "CREATE TABLE seen (what text)")
	src := source(t, map[string]string{"000001_a": "SET lock_timeout = '90s';\nSET statement_timeout = '1h';\nCREATE INDEX CONCURRENTLY t_c ON t (c);\n" + patience})
	l := cutOff(t, target, src, 2)
	must(t)(up(t, target, src, 1, migrate.ApplyOptions{Ledger: l}))
	if diff := cmp.Diff([]string{"90s 1h"}, pgtest.QueryColumn[string](t, target, "SELECT what FROM seen")); diff != "" {
		t.Error(diff)
	}
	if left := invalid(t, target); len(left) > 0 {
		t.Errorf("INVALID: %v", left)
	}
}
