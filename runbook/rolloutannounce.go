package runbook

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/notify"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
)

// annotateTimeout bounds marking a change in Grafana's graphs.
const annotateTimeout = 3 * time.Second

// annotate marks a change in Grafana's graphs, where that is configured. That it cannot
// be done is a warning: the change is made.
func (e *exposing) annotate(ctx context.Context, s *ops.Step, d rollout.Done) {
	n := e.Config.Rollout.Notify
	if n.Grafana == "" {
		return
	}
	grafana, err := notify.Grafana(n.Grafana, n.GrafanaToken.Reveal(), &http.Client{Timeout: annotateTimeout})
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, annotateTimeout)
		defer cancel()
		err = grafana.Send(limited, notify.Message{
			Level: notify.Info, Title: fmt.Sprintf("%s: %s", e.controller.Flag, transition(d.Change)), Text: strings.TrimSpace(string(d.Change.Kind) + " by " + d.Change.By + " " + d.Change.Reason),
			Environment: string(e.Config.Environment), Flag: e.controller.Flag, At: d.Change.At, Tags: []string{"rollout", string(d.Change.Kind)},
		})
	}
	if err != nil {
		s.Record(finding("rollout.annotated", ops.Warn("the change is not marked in Grafana: "+err.Error(), "see notify.grafana in clipperops.yaml")))
	}
}

// keepReport writes what a rollback by the watch was decided on and did, at once: the
// watch itself may go on for weeks. It returns the report's path, or why there is none.
func (w *watching) keepReport(ctx context.Context, r rollout.Report) string {
	run := ops.Begin(w.header("rollout rollback"), ops.Discard, func() time.Time { return r.At })
	change := r.Done.Change
	judged := run.Do(context.WithoutCancel(ctx), "rules", func(_ context.Context, s *ops.Step) error {
		for _, id := range slices.Sorted(maps.Keys(r.Rules)) {
			j := r.Rules[id]
			result := ops.Pass(id + ": " + j.Words)
			if j.Verdict == gate.Fail {
				result = ops.Warn(id+": "+j.Words, "")
			}
			s.Record(finding("rollout."+id, result))
		}
		return nil
	})
	set := run.Do(context.WithoutCancel(ctx), "set", func(_ context.Context, s *ops.Step) error {
		n, behind := len(r.Done.Followed.Instances), len(r.Done.Followed.Behind)
		s.Record(finding("rollout.set", ops.Pass(fmt.Sprintf("%s by %s: %s", transition(change), change.Rule, change.Reason))))
		result := ops.Pass(fmt.Sprintf("%d of %d instances confirm, after %.2f s", n-behind, n, r.Done.Followed.Took.Seconds()))
		if behind > 0 {
			result.Status, result.Fix = ops.StatusWarn, w.invocation("rollout status")
			for _, v := range r.Done.Followed.Behind {
				result.Evidence = append(result.Evidence, ops.Fact{Name: instanceName(v), Value: seen(v)})
			}
		}
		s.Record(finding("rollout.instances", result))
		return nil
	})
	run.Data = &RolloutData{
		Flag: w.Release.Rollout.Flag, Store: w.watcher.Controller.Store.String(), Phase: change.Phase, Asked: change.To, Actual: change.To,
		Halted: r.View.State.Halted, Change: &change, Instances: r.Done.Followed.Instances, TookMS: float64(r.Done.Followed.Took) / float64(time.Millisecond),
	}
	run.Conclusion = []string{fmt.Sprintf("Rolled back by itself: %s.", transition(change))}
	run.Next = []string{w.invocation("rollout status"), w.invocation(`rollout resume --reason "…"`)}
	run.Finish(nil)
	if judged != nil || set != nil {
		return ""
	}
	path := filepath.Join(w.Config.ReportDir, "rollout-rollback-"+string(w.Config.Environment)+"-"+run.ID+".html")
	for _, p := range []string{path, strings.TrimSuffix(path, ".html") + ".json"} {
		format, err := reports.FormatOf(p)
		if err == nil {
			err = reports.WriteFile(p, format, run)
		}
		if err != nil {
			return "could not be written: " + err.Error()
		}
	}
	return path
}
