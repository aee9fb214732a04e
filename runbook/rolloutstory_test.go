package runbook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
	"github.com/clipper/clipperops/rollout/gate"
)

// TestARolloutFromStagingToItsRollback is the whole story with running instances, a
// stand-in for Twitch, real traffic and a watch, days of it in seconds: staging → beta
// → 10% → 50%, faults begin, it is rolled back by itself, and told of.
func TestARolloutFromStagingToItsRollback(t *testing.T) {
	t.Parallel()
	staging := newWorld(t, config.Staging, 1, 30)
	stagingWatch := staging.watches(RolloutWatchOptions{})
	staging.does(ops.ExitDone, RolloutStart(t.Context(), staging.session(), RolloutOptions{}))
	stagingWatch.tick()
	if n := staging.traffic(3)[""]; n < 80 {
		t.Fatalf("%d bans passed on staging", n)
	}
	stagingWatch.tick()
	staging.clock.advance(48 * time.Hour)
	staging.does(ops.ExitInconclusive, RolloutGate(t.Context(), staging.session(), RolloutOptions{})) // nobody has signed
	staging.signs()
	staging.does(ops.ExitDone, RolloutGate(t.Context(), staging.session(), RolloutOptions{}))
	stagingWatch.end()

	w := newWorld(t, config.Production, 3, 60)
	o := RolloutOptions{}
	watch := w.watches(RolloutWatchOptions{})
	w.does(ops.ExitRefused, RolloutStart(t.Context(), w.session(), o)) // nobody is named, nothing signed
	var beta []string
	for _, p := range w.people[:6] {
		beta = append(beta, p.id.String())
	}
	w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), beta, nil, o))
	w.signs()
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), o))
	watch.tick()

	refused := w.does(ops.ExitRefused, RolloutSet(t.Context(), w.session(), 10_00, o))
	said := strings.Join(ops.AsFailure(refused.Err).Detail, "\n")
	for _, missing := range []string{"15 s of 48 h, earliest ", "no critical bugs: missing", "at least 60 operations"} {
		if !strings.Contains(said, missing) {
			t.Errorf("the refusal does not say %q:\n%s", missing, said)
		}
	}
	w.does(ops.ExitRefused, RolloutSet(t.Context(), w.session(), 50_00, o)) // a phase is not skipped

	for range 2 {
		answers := w.traffic(6)
		if answers[""] == 0 || answers["FEATURE_DISABLED"] == 0 {
			t.Fatalf("in the beta: %v", answers)
		}
		watch.tick()
	}
	w.phaseIsOver(watch, "10%")
	for range 4 {
		w.traffic(5)
		watch.tick()
	}
	w.phaseIsOver(watch, "50%")
	if f := w.flag(); !f.Enabled || f.Percentage != 50_00 {
		t.Fatalf("the flag is %s", f)
	}
	w.traffic(2)
	watch.tick()

	w.helix.Fail(twitchtest.Fault{Kind: "status", Route: "POST /helix/moderation/bans", Status: 503})
	ticks := 0
	for ; w.flag().Enabled && ticks < 40; ticks++ {
		w.traffic(1)
		watch.tick()
	}
	if w.flag().Enabled {
		t.Fatalf("after %d ticks of nothing but faults the feature is still on", ticks)
	}
	t.Logf("rolled back after %d ticks of %s", ticks, DefaultTick)
	if answers := w.traffic(1); answers["FEATURE_DISABLED"] != len(w.people) {
		t.Errorf("after the rollback: %v", answers)
	}
	w.afterTheRollback(watch)
}

// phaseIsOver lets the time pass, has everything signed off and moves on.
func (w *world) phaseIsOver(watch *watch, next string) {
	w.t.Helper()
	w.clock.advance(48 * time.Hour)
	watch.tick()
	w.signs()
	run := w.does(ops.ExitDone, RolloutAdvance(w.t.Context(), w.session(), RolloutOptions{}))
	data := run.Data.(*RolloutData)
	if data.Verdict != gate.Pass || data.Change.Phase != next || len(data.Instances) != len(w.instances) {
		w.t.Fatalf("%+v", data)
	}
	watch.tick()
}

// afterTheRollback looks at what it left: a halt, a record, people who were told, a
// report, and a way on that is a person's.
func (w *world) afterTheRollback(watch *watch) {
	t := w.t
	t.Helper()
	watch.tick()
	run := w.does(ops.ExitDone, RolloutStatus(t.Context(), w.session(), RolloutOptions{}))
	if d := run.Data.(*RolloutData); d.Halted == nil || d.Phase != "" || d.Actual.Enabled {
		t.Errorf("%+v", d)
	}
	// What is signed before somebody says that it goes on would be void by that.
	refused := w.does(ops.ExitRefused, RolloutSignOff(t.Context(), w.session(), SignOff{Criterion: "staging-validated", By: "maria"}, RolloutOptions{}))
	if next := strings.Join(ops.AsFailure(refused.Err).Next, "\n"); !strings.Contains(next, "rollout resume") {
		t.Errorf("while it is halted the way to a sign-off is %q", next)
	}
	refused = w.does(ops.ExitRefused, RolloutAdvance(t.Context(), w.session(), RolloutOptions{}))
	if said := strings.Join(ops.AsFailure(refused.Err).Detail, "\n"); !strings.Contains(said, "it was rolled back by itself") {
		t.Errorf("the refusal does not say that it is halted:\n%s", said)
	}
	events, err := RolloutHistory(t.Context(), w.session(), 100)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range events {
		found = found || e.Kind == "rollback" && e.By == "rollout watch" && e.Rule != "" && !e.To.Enabled && e.From.Percentage == 50_00
	}
	if !found {
		t.Errorf("the history has no rollback: %+v", events)
	}
	w.helix.Heal()
	w.does(ops.ExitUsage, RolloutResume(t.Context(), w.session(), RolloutOptions{})) // without a reason
	w.does(ops.ExitDone, RolloutResume(t.Context(), w.session(), RolloutOptions{Reason: "Twitch is back"}))
	w.signs()
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	watch.tick()
	if f := w.flag(); !f.Enabled || f.Percentage != 0 {
		t.Errorf("after resuming and starting: %s", f)
	}
	ended := watch.end()
	if ended.ExitCode() != ops.ExitDone || !strings.Contains(strings.Join(ended.Conclusion, "\n"), "rolled back: 50%") {
		t.Errorf("the watch ended with %d: %q", ended.ExitCode(), ended.Conclusion)
	}
	for _, text := range []string{"rolled back: 50%", `"level":"page"`} {
		if !w.told.has(text) {
			t.Errorf("nobody was told %q: %q", text, w.told.messages)
		}
	}
	left, err := filepath.Glob(filepath.Join(w.config.ReportDir, "rollout-*.html"))
	if err != nil || len(left) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	if taken, err := filepath.Glob(filepath.Join(w.config.ReportDir, "rollout-rollback-production-*.html")); err != nil || len(taken) != 1 {
		t.Errorf("the rollback left the reports %q, %v", taken, err)
	}
	if text, err := os.ReadFile(left[0]); err != nil || !strings.Contains(string(text), "twitch_moderation") {
		t.Errorf("%s: %v", left[0], err)
	}
}
