package rollback_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollback"
)

// The whole story: what the release made is gone, everything else is as it was, and the
// archive is enough to put every row back.
func TestRollbackOfTheReleaseLosesNothing(t *testing.T) {
	t.Parallel()
	s := clipper(t)
	tables := append(release.Moderation().Tables(), "users", "clips", "comments", "clip_submissions")
	rows := map[string][]string{}
	for _, table := range tables {
		rows[table] = s.rows(table)
	}
	plan := s.plan(10)
	conn := s.conn()
	before, err := pg.TakeSnapshot(t.Context(), conn, pg.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	archive := s.archive(plan)
	applied := s.apply(plan, archive)
	if len(applied.Files) != 5 || len(applied.Late) != 0 || applied.State.Version != 10 {
		t.Errorf("%d files, %d archives of late rows, %s", len(applied.Files), len(applied.Late), applied.State)
	}
	for _, check := range rollback.Prove(rollback.ProveInput{Conn: conn, Before: before, Plan: plan, Release: release.Moderation(), Archive: archive}) {
		if r := check.Evaluate(t.Context()); r.Status != ops.StatusPass {
			t.Errorf("%s: %s: %s %v", r.ID, r.Status, r.Summary, r.Evidence)
		}
	}
	for _, table := range []string{"users", "clips", "comments", "clip_submissions"} {
		if diff := cmp.Diff(rows[table], s.rows(table)); diff != "" {
			t.Errorf("%s changed:\n%s", table, diff)
		}
	}

	s.up(97)
	restored := s.restore(archive)
	for _, table := range tables {
		if diff := cmp.Diff(rows[table], s.rows(table)); diff != "" {
			t.Errorf("%s after restoring (-before +after):\n%s", table, diff)
		}
	}
	if len(restored.Tables) != 9 {
		t.Errorf("%d tables were put back, want 9", len(restored.Tables))
	}
	after, err := pg.TakeSnapshot(t.Context(), conn, pg.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pg.Diff(before, after) {
		t.Errorf("the schema after restoring: %s", c)
	}
}
