package preflight_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
)

func TestTheCatalogueIsStable(t *testing.T) {
	t.Parallel()
	want := []string{
		"environment env.config F", "environment env.tools F", "environment env.rehearsal F",
		"files files.complete F", "files files.late F", "files files.transaction F",
		"database db.connect F", "database db.version F", "database db.primary F", "database db.pooler F",
		"database db.visibility W", "database db.privileges F", "database db.replication F", "database db.disk.local F",
		"prerequisites prereq.tables F", "prerequisites prereq.extensions F", "prerequisites prereq.roles F", "prerequisites prereq.moderators W",
		"state state.version F", "state state.partial F", "state state.reports W",
		"activity activity.long_tx F", "activity activity.idle_tx W", "activity activity.locks W", "activity activity.prepared F", "activity activity.migrator F",
	}
	var got []string
	for _, c := range preflight.Catalogue() {
		got = append(got, c.Group+" "+c.ID+" "+map[bool]string{true: "F", false: "W"}[c.Fatal])
		if c.Title == "" {
			t.Errorf("%s has no title", c.ID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAHealthyDatabaseBeforeTheReleasePassesEverything(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	in.BackupDir = t.TempDir()
	skipped := []string{"env.config", "env.tools", "env.rehearsal", "files.late"} // nothing was given to them
	for _, c := range preflight.Checks(in) {
		r := c.Evaluate(t.Context())
		want := ops.StatusPass
		if slices.Contains(skipped, c.ID) {
			want = ops.StatusSkip
		}
		if r.Status != want {
			t.Errorf("%s: %s %s %v", c.ID, r.Status, r.Summary, r.Evidence)
		}
	}
}

func TestAHealthyDatabaseWithTheReleasePassesEverything(t *testing.T) {
	t.Parallel()
	in := situation(t, at(t, 97))
	for _, c := range preflight.Checks(in) {
		if r := c.Evaluate(t.Context()); r.Status != ops.StatusPass && r.Status != ops.StatusSkip {
			t.Errorf("%s: %s %s %v", c.ID, r.Status, r.Summary, r.Evidence)
		}
	}
}

func TestAnEmptyDatabaseSkipsWhatItsFilesStillMake(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t))
	expect(t, in, "prereq.tables", ops.StatusSkip, "no version, below the release's floor 10")
	expect(t, in, "prereq.moderators", ops.StatusSkip, "below the release's floor 10")
	expect(t, in, "state.version", ops.StatusPass, "a new database")
	expect(t, in, "state.partial", ops.StatusPass, "no version")
}

func TestWithoutAConnectionTheDatabaseIsNotAskedAndNothingFails(t *testing.T) {
	t.Parallel()
	in := preflight.Input{Versions: chain, BackupDir: t.TempDir()}
	for _, c := range preflight.Checks(in) {
		r := c.Evaluate(t.Context())
		if r.Status == ops.StatusFail || r.Status == ops.StatusWarn || r.Summary == "" {
			t.Errorf("%s: %s %s", c.ID, r.Status, r.Summary)
		}
		if c.Group == "state" || c.Group == "activity" || c.Group == "prerequisites" || c.ID == "db.version" {
			if r.Status != ops.StatusSkip || r.Summary != "no connection" {
				t.Errorf("%s: %s %s, want a skip for want of a connection", c.ID, r.Status, r.Summary)
			}
		}
	}
}

// TestALostConnectionIsNeverAPass guards against a server that goes away in the
// middle of the checks.
func TestALostConnectionIsNeverAPass(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	if err := in.Conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := look(t, in, "activity.prepared")
	if r.Status != ops.StatusFail || r.Err == nil {
		t.Errorf("%+v", r)
	}
}
