package main

import (
	"path/filepath"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against preflight saying "may proceed" over a down file that is half done, which
// migrate refuses to go past.
func TestPreflightOverADownFileThatIsHalfDone(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	down := filepath.Join(dir, "000098_more_indexes.down.sql")
	p.write(filepath.Join(dir, "000098_more_indexes.up.sql"), "CREATE INDEX CONCURRENTLY first_one ON clips (title);\n")
	p.write(down, "DROP INDEX CONCURRENTLY first_one;\nDROP INDEX CONCURRENTLY second_one;\n")
	p.wants(ops.ExitDone, "migrate --skip-backup --skip-validation --allow-irreversible --target 98 --path "+dir)
	back := "rollback --target 97 --skip-backup --allow-foreign --path " + dir
	p.wants(ops.ExitRefused, back, "000098_more_indexes.down.sql", `index "second_one" does not exist`, "no target below 98 can be reached")
	p.wants(ops.ExitFailed, back+" --rehearse off --reason test", `index "second_one" does not exist`, "1 of 2 statements")
	p.wants(ops.ExitRefused, "migrate --skip-backup --path "+dir, "the down file of version 98 is half done", "rollback --target 97")
	p.wants(ops.ExitChecks, "preflight --path "+dir, "the down file of version 98 is half done", "1 statements of the down file of 000098", "rollback --target 97")
	p.write(down, "DROP INDEX CONCURRENTLY first_one;\nDROP INDEX CONCURRENTLY IF EXISTS second_one;\n")
	p.wants(ops.ExitDone, back)
	p.wantVersion(97)
	p.wants(ops.ExitDone, "preflight --path "+dir, "may proceed")
}

// Guards against a file that calls a procedure which commits: it fails half way, and preflight
// and migrate are of one mind about going on with it.
func TestAProcedureThatFailedHalfWayIsGoneOnWith(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	p.write(filepath.Join(dir, "000012_call.up.sql"), "CALL in_steps();\n")
	p.write(filepath.Join(dir, "000012_call.down.sql"), "SELECT 1;\n")
	define := func(divisor string) {
		pgtest.Exec(t, p.target, "CREATE OR REPLACE PROCEDURE in_steps() LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM 1/"+divisor+"; END $$")
	}
	define("0")
	p.wants(ops.ExitFailed, "migrate --skip-backup --rehearse off --reason test --path "+dir, "division by zero", "the next run goes on at statement 1")
	p.wants(ops.ExitDone, "preflight --path "+dir, "goes on where it stopped")
	define("1")
	p.wants(ops.ExitDone, "migrate --skip-backup --path "+dir)
	p.wantVersion(97)
}
