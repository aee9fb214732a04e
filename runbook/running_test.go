package runbook

import (
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// TestWhatTheRehearsalExpectsIsKeptBesideTheServersProgress guards against an estimate
// that goes as soon as the server counts, and counts without their unit.
func TestWhatTheRehearsalExpectsIsKeptBesideTheServersProgress(t *testing.T) {
	t.Parallel()
	e := migrate.Event{
		Kind: migrate.Running, File: migrate.File{Version: 49, Statements: make([]sqlscan.Statement, 3)}, Statement: 1,
		Took: 62 * time.Second, Expected: 100 * time.Second, Left: 40 * time.Second,
		Phase: "building index: scanning table", Done: 12, Total: 50, Unit: ops.UnitBlocks,
		Text: "000049 statement 2 of 3 runs for about 1 min of about 2 min",
	}
	want := ops.Progress{
		Label: "000049", Done: 12, Total: 50, Unit: ops.UnitBlocks, Took: 62 * time.Second, Left: 40 * time.Second,
		Detail: "2 of 3: scanning table",
	}
	if got := running(e); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	e.Left, e.Phase = 0, ""
	if got := running(e).Detail; got != "2 of 3, 1 min 40 s were expected" {
		t.Error(got)
	}
}

// TestARestoreOnTheCloneShowsWhatTheDumpTook guards against a rehearsal with the rows
// that says nothing of how long it will take.
func TestARestoreOnTheCloneShowsWhatTheDumpTook(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 13, 3, 15, 0, 0, time.UTC)
	var told []ops.Progress
	tell := expecting(30*time.Second, func() time.Time { return at }, func(p ops.Progress) { told = append(told, p) })
	for range 3 {
		tell(ops.Progress{Label: "psql"})
		at = at.Add(20 * time.Second)
	}
	for i, want := range []time.Duration{30 * time.Second, 10 * time.Second, 0} {
		if told[i].Left != want || told[i].Label != "psql" {
			t.Errorf("%d: %+v, want %s left", i, told[i], want)
		}
	}
}
