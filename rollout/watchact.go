package rollout

import (
	"context"

	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// act makes the gravest change that a rule asks for, or moves on.
func (w *Watcher) act(ctx context.Context, r *Report) {
	action, title, id, words := "", "", "", ""
	consider := func(ruleAction, ruleTitle, ruleID string) {
		j, judged := r.Rules[ruleID]
		if !judged || j.Verdict != gate.Fail || action == release.ActionOff {
			return
		}
		action, title, id, words = ruleAction, ruleTitle, ruleID, j.Words
	}
	for _, rule := range w.Release.Rollback {
		consider(rule.Action, rule.Title, rule.ID)
	}
	consider(w.Release.Surveillance.Action, w.Release.Surveillance.Title, surveillance)
	if action == "" {
		w.moveOn(ctx, r)
		return
	}
	actual := r.View.Actual()
	if !actual.MoreThan(Exposure{}) {
		return // there is nobody to take it from
	}
	change := w.Phases.Off(r.View)
	if action == release.ActionStepDown {
		change = w.Phases.StepDown(r.View)
	}
	change.Kind, change.Rule, change.Reason = KindRollback, id, title+": "+words
	r.Fired = change.Rule
	r.Failed = w.make(ctx, r, change)
}

// make makes a change. What led to it counts no more: the stay begins anew. People are
// told of a rollback when it is made, not when it has arrived: an instance that hangs may
// take a minute, in which the watch may be killed. One that was made and not waited for
// until its end, because the watch is ending, is made.
func (w *Watcher) make(ctx context.Context, r *Report, change Change) error {
	done, err := w.Controller.set(ctx, r.View, change)
	r.Done = &done
	if done.Flag.Version != 0 && ExposureOf(done.Flag).Same(done.Change.To) {
		r.View.State = r.View.State.settled(done.Change)
		r.View.Flag = done.Flag
	}
	if err != nil {
		return err
	}
	if done.Change.Kind == KindRollback {
		made := *r
		made.Done = new(done) // as it is now
		w.tell(ctx, made)
	}
	arrived := make(chan struct{})
	go func() {
		defer close(arrived)
		w.Controller.arrive(ctx, &done, nil)
	}()
	w.keepTold(ctx, r, arrived)
	<-arrived
	return nil
}
