package main

import (
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAFileThatGoesOnWhereItStoppedIsRehearsedToo: the clone stands where the database does,
// in the middle of a file that cannot run in a transaction.
func TestAFileThatGoesOnWhereItStoppedIsRehearsedToo(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": "CREATE TABLE one (n int, m int);\n", "000011_one.down.sql": "DROP TABLE one;\n",
		"000012_indexes.up.sql":   "CREATE INDEX CONCURRENTLY one_n ON one (n);\nCREATE UNIQUE INDEX CONCURRENTLY one_m ON one (m);\nCREATE INDEX CONCURRENTLY one_nm ON one (n, m);\n",
		"000012_indexes.down.sql": "DROP INDEX CONCURRENTLY one_nm;\nDROP INDEX CONCURRENTLY one_m;\nDROP INDEX CONCURRENTLY one_n;\n",
	})
	p.wants(ops.ExitDone, "migrate --skip-backup --skip-validation --target 11"+chosen)
	pgtest.Exec(t, p.target, "INSERT INTO one VALUES (1, 1), (2, 1)")
	p.wants(ops.ExitFailed, "migrate --skip-backup"+chosen, "000012_indexes.up.sql", "could not create unique index", "1 of 3 statements")

	// With the rows it is found before.
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "migrate --rehearse data"+chosen), "000012_indexes.up.sql", "could not create unique index")
	pgtest.Exec(t, p.target, "UPDATE one SET m = n")
	d := p.wantsDocument(ops.ExitDone, "migrate rehearse"+chosen)
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	if r := rehearsalOf(t, d); r.Passes[0].Reached != 12 || len(r.Passes[0].Files) != 1 {
		t.Errorf("the passes: %+v", r.Passes)
	}
	d = p.wantsDocument(ops.ExitDone, "migrate --skip-backup"+chosen)
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wantVersion(12)
	if n := pgtest.QueryValue[int](t, p.target, "SELECT count(*)::int FROM pg_index WHERE indrelid = 'one'::regclass AND indisvalid"); n != 3 {
		t.Errorf("%d valid indexes, want 3", n)
	}
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen, "Rolled back to version 10")
	p.wantNoScratch()
}
