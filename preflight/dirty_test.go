package preflight_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// soil is what golang-migrate does before it runs a file.
func soil(t *testing.T, target config.Target, version int64) {
	t.Helper()
	pgtest.Exec(t, target, `UPDATE schema_migrations SET version = $1, dirty = true`, version)
}

func TestDirtyVersionsAreExplainedByWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema uint64 // what stands
		dirty  int64  // what golang-migrate wrote
		want   string
		after  int64 // where the advice leads, 0 for no advice that can be run
	}{
		"an up file that did nothing":  {11, 49, "nothing of 000049 is there", 11},
		"an up file that did all":      {49, 49, "all of 000049 is there", 49},
		"a down file that did nothing": {49, 11, "all of 000049 is there, so its down file did not run", 49},
		"a version of other files":     {10, 10, "compare the schema with 000010", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := at(t, c.schema)
			soil(t, target, c.dirty)
			in := situation(t, target)
			r := expect(t, in, "state.version", ops.StatusFail, "is dirty: golang-migrate began a file")
			shows(t, r, "left by: golang-migrate")
			advises(t, r, c.want)
			advises(t, r, "nothing was touched")
			expect(t, in, "state.partial", ops.StatusSkip, "dirty")
			if c.after == 0 {
				return
			}
			_, sql, _ := strings.Cut(r.Fix, ": ")
			pgtest.Exec(t, target, sql)
			if got := pgtest.QueryValue[int64](t, target, `SELECT version FROM schema_migrations WHERE NOT dirty`); got != c.after {
				t.Errorf("the advice leads to %d, want %d", got, c.after)
			}
			expect(t, situation(t, target), "state.partial", ops.StatusPass, "")
		})
	}
}

func TestADirtyVersionOfWhichAPartIsThere(t *testing.T) {
	t.Parallel()
	target := at(t, 49)
	pgtest.Exec(t, target, `DROP TABLE moderation_decisions`)
	soil(t, target, 49)
	advises(t, expect(t, situation(t, target), "state.version", ops.StatusFail, "dirty"), "of 000049 only a part is there")
	soil(t, target, 11)
	advises(t, expect(t, situation(t, target), "state.version", ops.StatusFail, "dirty"), "Finish its down file by hand")
}

// TestADirtyVersionWhileSomebodyMigrates: the mark is then as it should be.
func TestADirtyVersionWhileSomebodyMigrates(t *testing.T) {
	t.Parallel()
	target := at(t, 11)
	soil(t, target, 49)
	ids := pg.MigrateLockIDs(target.Database, "public", "schema_migrations")
	pgtest.Hold(t, target, `SELECT pg_advisory_lock($1)`, ids[0])
	advises(t, expect(t, situation(t, target), "state.version", ops.StatusFail, "dirty"), "wait until pid")
}

func TestADirtyMarkOfOurOwnIsResumed(t *testing.T) {
	t.Parallel()
	target := at(t, 11)
	soil(t, target, 49)
	in := situation(t, target)
	in.State.Resumable = "000049_x.up.sql: 2 of 5 statements are done"
	shows(t, expect(t, in, "state.version", ops.StatusWarn, "dirty by clipperops"), "2 of 5 statements")
	// Guards against "may proceed" where migrate refuses: there has to be a plan to go on by.
	in.PlanErr = &ops.Failure{Code: ops.ExitRefused, What: "the down file of version 50 is half done", Next: []string{"clipperops rollback --target 49"}}
	r := expect(t, in, "state.version", ops.StatusFail, "the down file of version 50 is half done")
	shows(t, r, "2 of 5 statements")
	advises(t, r, "clipperops rollback --target 49")
}
