package console

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/go-cmp/cmp"
)

// TestLiveLinesLeaveNothingBehind guards against remains of progress between the
// lines that stay.
func TestLiveLinesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	still, moved := newScreen(), newScreen()
	story := func(c *Console, await func(string)) {
		s := play(c, "migrate")
		_ = s.step("backup", func(step *ops.Step) error {
			step.Progress(ops.Progress{Label: "pg_dump", Done: 10_000_000, Total: 100_000_000, Unit: ops.UnitBytes})
			await("pg_dump  10 MB of 100 MB  10 %")
			step.Progress(ops.Progress{Label: "rows", Done: 3, Total: 9, Unit: ops.UnitFiles})
			await("rows  3 of 9 files  33 %")
			step.Progress(ops.Progress{Label: "rows", Done: 9, Total: 9, Unit: ops.UnitFiles})
			step.Note("pg_dump waits for a lock")
			await("waits for a lock\n")
			step.Record(ops.Pass("db-20260213-031502.sql.gz"))
			return nil
		})
		_ = s.step("apply", func(step *ops.Step) error {
			await("apply     ... ")
			return nil
		})
		s.end(nil)
		c.Close()
	}
	story(New(Options{Out: still, Err: still, Width: 80}), func(string) {})
	story(New(Options{Out: moved, Err: moved, Width: 80, Live: true}), func(text string) { moved.await(t, text) })
	if diff := cmp.Diff(still.String(), rendered(moved.String())); diff != "" {
		t.Errorf("(-without live lines +what the terminal shows):\n%s", diff)
	}
}

func TestNoLiveLineStandsInAPrompt(t *testing.T) {
	t.Parallel()
	s := newScreen()
	c := New(Options{Out: s, Err: s, Width: 80, Live: true, AssumeYes: true, In: strings.NewReader("")})
	scene := play(c, "migrate")
	_ = scene.step("confirm", func(*ops.Step) error {
		s.await(t, "confirm   ... ")
		c.live.hold()
		if got := strings.TrimSpace(rendered(s.String())); strings.Contains(got, "confirm") {
			t.Errorf("while asking the terminal shows\n%s", got)
		}
		c.live.release()
		return nil
	})
	scene.end(nil)
	c.Close()
}

func TestQuietDrawsNoLiveLine(t *testing.T) {
	t.Parallel()
	if c := New(Options{Err: newScreen(), Live: true, Quiet: true}); c.live != nil {
		t.Error("a quiet console has a live line")
	}
}
