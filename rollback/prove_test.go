package rollback_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollback"
)

// prove runs the checks and returns their statuses, and what they say.
func prove(t *testing.T, in rollback.ProveInput) (statuses map[string]ops.Status, said []string) {
	t.Helper()
	statuses = map[string]ops.Status{}
	for _, c := range rollback.Prove(in) {
		r := c.Evaluate(t.Context())
		statuses[r.ID] = r.Status
		said = append(said, r.Summary)
		for _, fact := range r.Evidence {
			said = append(said, fact.Value)
		}
		if r.Status == ops.StatusFail && r.Fix == "" {
			t.Errorf("%s does not say what to do", r.ID)
		}
	}
	return statuses, said
}

func (s *scene) snapshot() *pg.Snapshot {
	s.t.Helper()
	snapshot, err := pg.TakeSnapshot(s.t.Context(), s.work, pg.SnapshotOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return snapshot
}

// Before the files have run, all of it has to fail but the archive.
func TestProveFailsWhenNothingWasReverted(t *testing.T) {
	t.Parallel()
	s := clipper(t)
	plan := s.plan(10)
	in := rollback.ProveInput{Conn: s.work, Before: s.snapshot(), Plan: plan, Release: release.Moderation(), Archive: s.archive(plan)}
	s.exec("ALTER TABLE users ADD COLUMN surprise int; DROP INDEX idx_submissions_creator")
	got, said := prove(t, in)
	want := map[string]ops.Status{
		rollback.CheckVersion: ops.StatusFail, rollback.CheckGone: ops.StatusFail, rollback.CheckUnchanged: ops.StatusFail, rollback.CheckArchive: ops.StatusPass,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	contains(t, said, "the database is at version 97, clean, and was to be at version 10, clean", "objects of release moderation still stand", "table moderation_queue", "+ column users.surprise integer", "1 change that the down files do not speak of")
}

func TestProveNamesWhatChangedBesideTheFiles(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{
		`CREATE TABLE item (id int PRIMARY KEY, a int, b int, note text); CREATE INDEX on_a ON item (a); CREATE TABLE wide (id int, narrow int CHECK (narrow > 0)); CREATE INDEX ON wide (narrow);
		 CREATE TABLE kept (id int, flag bool); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s`,
		`DROP TABLE item CASCADE; ALTER TABLE wide DROP narrow; ALTER TABLE kept ALTER flag SET DEFAULT false; DROP FUNCTION f; COMMENT ON TABLE kept IS 'x'; GRANT SELECT ON kept TO PUBLIC;
		 DO $$ BEGIN EXECUTE 'DROP SEQUENCE s'; END $$`,
	})
	s.exec("CREATE TABLE notes (item int REFERENCES item); CREATE VIEW items AS SELECT id FROM item; CREATE TABLE flag (id int)")
	plan := s.plan(1)
	in := rollback.ProveInput{Conn: s.work, Before: s.snapshot(), Plan: plan, Archive: s.archive(plan)}
	s.apply(plan, in.Archive)
	s.exec("CREATE INDEX surprise ON flag (id)")
	got, said := prove(t, in)
	if got[rollback.CheckUnchanged] != ops.StatusFail || got[rollback.CheckVersion] != ops.StatusPass || got[rollback.CheckGone] != ops.StatusSkip {
		t.Errorf("%v", got)
	}
	contains(t, said, "3 changes that the down files do not speak of", "- view items", "- constraint notes.notes_item_fkey", "+ index surprise")
}

func TestProveFailsWithAnArchiveThatCannotBeReadAnyMore(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int)", "DROP TABLE t"})
	plan := s.plan(1)
	in := rollback.ProveInput{Conn: s.work, Before: s.snapshot(), Plan: plan, Archive: s.archive(plan)}
	s.apply(plan, in.Archive)
	if err := os.Truncate(in.Archive.Path, 100); err != nil {
		t.Fatal(err)
	}
	got, said := prove(t, in)
	if got[rollback.CheckArchive] != ops.StatusFail || got[rollback.CheckUnchanged] != ops.StatusPass {
		t.Errorf("%v", got)
	}
	contains(t, said, "the archive is damaged")
}
