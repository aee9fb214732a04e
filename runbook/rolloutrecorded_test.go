package runbook

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
)

// shown is a run's text, on one line: where it is broken does not matter.
func (w *world) shown(run *ops.Run) string {
	w.t.Helper()
	var text bytes.Buffer
	if err := reports.Write(&text, reports.FormatText, run); err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// TestAnOffThatCouldNotBeRecordedIsRecordedWhenAskedForAgain: while somebody holds the
// record's row the flag goes off all the same; whose off it was is not told as somebody's
// change behind the rollout's back for ever.
func TestAnOffThatCouldNotBeRecordedIsRecordedWhenAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Production, 1, 0)
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{Force: true, Reason: "a rehearsal"}))
	w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 10_00, RolloutOptions{Force: true, Reason: "a rehearsal"}))
	holder := pgtest.Connect(t, w.target)
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM clipperops.rollouts FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	text := w.shown(w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{})))
	if !strings.Contains(text, "⚠ the change could not be recorded") || strings.Contains(text, "user request") || w.flag().Enabled {
		t.Errorf("enabled: %t\n%s", w.flag().Enabled, text)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	refused := w.does(ops.ExitRefused, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	if next := strings.Join(ops.AsFailure(refused.Err).Next, "\n"); !strings.Contains(next, "rollout adopt") {
		t.Errorf("to be done is %q", next)
	}
	w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{Reason: "once more"}))
	events, err := RolloutHistory(t.Context(), w.session(), 1)
	if err != nil || len(events) != 1 || events[0].Kind != rollout.KindOff || events[0].Reason != "once more" {
		t.Errorf("%v, recorded is %+v", err, events)
	}
	if text := w.shown(w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{}))); strings.Contains(text, "behind the rollout's back") {
		t.Error(text)
	}
}

// TestWhatResumeEndsIsSaid: a pause that was there before the rollback too.
func TestWhatResumeEndsIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{Force: true, Reason: "a rehearsal"}))
	w.does(ops.ExitDone, RolloutPause(t.Context(), w.session(), RolloutOptions{Reason: "freeze"}))
	pgtest.Exec(t, w.target, `UPDATE clipperops.rollouts SET version = version + 1,
		state = state || '{"halted": {"by": "rollout watch", "at": "2026-01-01T00:00:00Z", "reason": "many errors"}}'`)
	status := w.shown(w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{})))
	if strings.Count(status, "rollout resume") != 2 || strings.Count(status, `--reason "…"`) != 2 {
		t.Errorf("each way on has to have its reason:\n%s", status)
	}
	text := w.shown(w.does(ops.ExitDone, RolloutResume(t.Context(), w.session(), RolloutOptions{Reason: "mended"})))
	if !strings.Contains(text, "The pause by alice (freeze) has ended too.") {
		t.Error(text)
	}
}

// TestThereIsNothingToAdopt: nothing is asked, waited for or recorded.
func TestThereIsNothingToAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 0, 0)
	o := RolloutOptions{Reason: "to be sure"}
	for _, run := range []*ops.Run{
		RolloutAdopt(t.Context(), w.session(), o),
		RolloutStart(t.Context(), w.session(), RolloutOptions{Force: true, Reason: "a rehearsal"}),
		RolloutAdopt(t.Context(), w.session(), o),
	} {
		text := w.shown(w.does(ops.ExitDone, run))
		if run.Command == "rollout adopt" && !strings.Contains(text, "there is nothing to adopt") {
			t.Error(text)
		}
	}
	if events, err := RolloutHistory(t.Context(), w.session(), 10); err != nil || len(events) != 1 {
		t.Errorf("%v, recorded is %+v", err, events)
	}
}

// TestADriftThatNobodyHasYetIsSeenInItsWords: "off, and was left off" says nothing.
func TestADriftThatNobodyHasYetIsSeenInItsWords(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"percentage = 80":                           "it is off with 80% set, and was left off with 0% set",
		"enabled_users = '{a}'":                     "it is off, with 1 user named, and was left off, with 2 users named",
		"enabled_users = '{a,c}'":                   "it is off, with c named, and was left off, with b named",
		"enabled = true, percentage = 5":            "it is at 5% and 2 users, and was left off",
		"enabled = true, enabled_users = '{a,b,c}'": "it is at 0% and 3 users, and was left off",
	} {
		w := newWorld(t, config.Production, 0, 0)
		w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), []string{"a", "b"}, nil, RolloutOptions{}))
		w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{}))
		pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET "+sql)
		if text := w.shown(w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{}))); !strings.Contains(text, want) {
			t.Errorf("%s: it does not say %q:\n%s", sql, want, text)
		}
	}
}

// TestAPhaseThatWasSkippedIsNotDone in the plan.
func TestAPhaseThatWasSkippedIsNotDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Production, 0, 0)
	forced := RolloutOptions{Force: true, Reason: "a rehearsal"}
	states := func() string {
		t.Helper()
		lines, err := RolloutPlan(t.Context(), w.session())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, l := range lines {
			if l.State != "elsewhere" {
				out = append(out, l.State)
			}
		}
		return strings.Join(out, " ")
	}
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), forced))
	w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 50_00, forced))
	if got := states(); got != "done skipped now next" {
		t.Error(got)
	}
	w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{}))
	w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 100_00, forced))
	if got := states(); got != "done skipped done now" {
		t.Error(got)
	}
	w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{}))
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), forced))
	w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 100_00, forced))
	if got := states(); got != "done skipped skipped now" {
		t.Errorf("after a new start: %s", got)
	}
}
