package preflight_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
	"github.com/clipper/clipperops/release"
)

func TestFilesComplete(t *testing.T) {
	t.Parallel()
	in := preflight.Input{Release: release.Moderation(), Source: "backend/migrations", Versions: chain}
	expect(t, in, "files.complete", ops.StatusPass, "6 migrations in backend/migrations")

	in.Files = []preflight.FileProblem{
		{ID: "files.complete", File: "000012-add.up.sql", Text: "is not named as a migration", Fix: "rename it"},
		{ID: "files.complete", File: "000012-add.up.sql", Line: 3, Text: "is not UTF-8", Fix: "save it as UTF-8"},
		{ID: "files.transaction", File: "other.sql", Text: "not of this check", Fix: "x"},
	}
	r := expect(t, in, "files.complete", ops.StatusFail, "1 file is not as it should be")
	shows(t, r, "000012-add.up.sql: is not named", "000012-add.up.sql line 3: is not UTF-8")
	advises(t, r, "000012-add.up.sql: rename it\n000012-add.up.sql: save it as UTF-8")

	in.Files, in.Versions = nil, []uint64{10, 11, 50, 69, 97}
	shows(t, expect(t, in, "files.complete", ops.StatusFail, "1 file is not"), "000049_add_moderation_queue_system.up.sql", "missing from backend/migrations")

	in.SourceErr = &ops.Failure{What: "the migrations in x cannot be read", Next: []string{"name the directory with --path DIR"}, Detail: []string{"no such directory"}}
	expect(t, in, "files.complete", ops.StatusFail, "cannot be read")
}

// TestAWayBackThatIsWaivedStopsNothing guards against a flag that the rehearsal advises
// and that the checks before it do not know.
func TestAWayBackThatIsWaivedStopsNothing(t *testing.T) {
	t.Parallel()
	in := preflight.Input{Release: release.Moderation(), Source: "backend/migrations", Versions: chain}
	in.Files = []preflight.FileProblem{{ID: "files.complete", File: "000011_a.up.sql", Text: "has no down file", Fix: "write it", OfWayBack: true}}
	advises(t, expect(t, in, "files.complete", ops.StatusFail, "1 file is not"), "--allow-irreversible")
	in.AllowIrreversible = true
	r := expect(t, in, "files.complete", ops.StatusWarn, "there is no way back")
	shows(t, r, "000011_a.up.sql: has no down file")
	if strings.Contains(r.Fix, "--allow-irreversible") {
		t.Errorf("advises what was given:\n%s", r.Fix)
	}
	in.Files = append(in.Files, preflight.FileProblem{ID: "files.complete", File: "000011_a.up.sql", Text: "is empty", Fix: "write it"})
	if r := expect(t, in, "files.complete", ops.StatusFail, "1 file is not"); strings.Contains(r.Fix, "--allow-irreversible") {
		t.Errorf("advises what does not help:\n%s", r.Fix)
	}
}

func TestFilesCompleteSaysWhyThereIsNoPlan(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	in.PlanErr = &ops.Failure{What: "there is no file for version 60", Detail: []string{"versions: 10, 11"}, Next: []string{"choose another"}}
	expect(t, in, "files.complete", ops.StatusFail, "no file for version 60")
	in.State.Dirty = true // then the state is the reason, and is said there
	expect(t, in, "files.complete", ops.StatusPass, "6 migrations")
}

func TestFilesTransaction(t *testing.T) {
	t.Parallel()
	in := preflight.Input{Versions: chain}
	expect(t, in, "files.transaction", ops.StatusPass, "no transaction control")
	in.Files = []preflight.FileProblem{
		{ID: "files.transaction", File: "a.up.sql", Line: 7, Text: "COMMIT would end the transaction", Fix: "take it out"},
		{ID: "files.transaction", File: "b.up.sql", Line: 2, Text: "COMMIT would end the transaction", Fix: "take it out"},
	}
	shows(t, expect(t, in, "files.transaction", ops.StatusFail, "2 files do not run as one transaction each"), "a.up.sql line 7: COMMIT", "b.up.sql line 2")
	expect(t, preflight.Input{SourceErr: errors.New("x")}, "files.transaction", ops.StatusSkip, "files.complete")
}

func TestFilesLate(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	expect(t, in, "files.late", ops.StatusSkip, "knows of no earlier run")
	in.State.Version = 97
	in.Known = chain
	expect(t, in, "files.late", ops.StatusPass, "up to 97")
	in.Versions = append([]uint64{12, 60}, chain...)
	in.Names = map[uint64]string{12: "000012_late.up.sql"}
	r := expect(t, in, "files.late", ops.StatusFail, "2 files below version 97")
	shows(t, r, "000012_late.up.sql: was not there", "000060")
	advises(t, r, "above 97")
}

// TestFilesThatAnotherToolAppliedAreNotLate guards against a false alarm:
// golang-migrate brought the database further than the ledger knows.
func TestFilesThatAnotherToolAppliedAreNotLate(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	in.State.Version, in.Known = 97, []uint64{10, 11}
	expect(t, in, "files.late", ops.StatusPass, "up to 11")
}
