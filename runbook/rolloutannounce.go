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
	token, err := n.GrafanaToken.Read()
	var grafana notify.Channel
	if err == nil {
		grafana, err = notify.Grafana(n.Grafana, token.Reveal(), &http.Client{Timeout: annotateTimeout})
	}
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

// unwritten begins what is said of a report that is not there.
const unwritten = "could not be written: "

// keepReport writes what a rollback by the watch was decided on and did, at once: the
// watch itself may go on for weeks. It is written again when it is known how it arrived. It
// returns the report's path, or why there is none.
func (w *watching) keepReport(ctx context.Context, r rollout.Report) string {
	header := w.header("rollout rollback")
	header.ID = w.paged.report
	run := ops.Begin(header, ops.Discard, func() time.Time { return r.At })
	change := r.Done.Change
	if len(r.Rules) > 0 { // what a watch judged that has gone is not known
		_ = run.Do(context.WithoutCancel(ctx), "rules", func(_ context.Context, s *ops.Step) error {
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
	}
	_ = run.Do(context.WithoutCancel(ctx), "set", func(_ context.Context, s *ops.Step) error {
		s.Record(finding("rollout.set", ops.Pass(fmt.Sprintf("%s by %s: %s", transition(change), change.Rule, change.Reason))))
		if r.Found {
			s.Record(finding("rollout.found", ops.Warn(fmt.Sprintf("made %s by the watch on %s, which did not come to report it", change.At.UTC().Format("2006-01-02 15:04:05 UTC"), change.Host), w.invocation("rollout history"))))
		}
		s.Record(finding("rollout.instances", w.arrival(*r.Done)))
		return nil
	})
	run.Data = &RolloutData{
		Flag: w.Release.Rollout.Flag, Store: w.watcher.Controller.Store.String(), Phase: change.Phase, Asked: change.To, Actual: r.View.Actual(),
		Halted: r.View.State.Halted, Change: &change, Instances: r.Done.Followed.Instances, TookMS: float64(r.Done.Followed.Took) / float64(time.Millisecond),
	}
	run.Conclusion = []string{fmt.Sprintf("Rolled back by itself: %s.", transition(change))}
	run.Next = []string{w.invocation("rollout status"), w.invocation(`rollout resume --reason "…"`)}
	run.Finish(nil)
	path := filepath.Join(w.Config.ReportDir, "rollout-rollback-"+string(w.Config.Environment)+"-"+run.ID+".html")
	for _, p := range []string{path, strings.TrimSuffix(path, ".html") + ".json"} {
		format, err := reports.FormatOf(p)
		if err == nil {
			err = reports.WriteFile(p, format, run)
		}
		if err != nil {
			return unwritten + err.Error()
		}
	}
	return path
}
