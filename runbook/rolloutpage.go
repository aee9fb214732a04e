package runbook

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/clipper/clipperops/internal/notify"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
)

// page is the rollback that people were told of last, or are being told of.
type page struct {
	change rollout.Change
	// report is the id of its report, told is closed when people were told.
	report string
	told   chan struct{}
}

// page tells of a rollback as soon as it is made: what instances do is told when it is
// known. One that was found is told in the same way, and one that is being told is not told
// again.
func (w *watching) page(ctx context.Context, r rollout.Report) <-chan struct{} {
	d := r.Done
	if w.paged.told != nil && w.paged.change.Is(d.Change) {
		return w.paged.told
	}
	told := make(chan struct{})
	w.paged = page{change: d.Change, report: w.NewID(), told: told}
	m := notify.Message{Key: "rollback:" + r.Fired, Level: notify.Page, At: r.At, Tags: []string{"rollout", "rollback"}}
	m.Title = fmt.Sprintf("rolled back: %s → %s", d.Change.From, d.Change.To)
	m.Text = d.Change.Reason + ". "
	if r.Found {
		m.Text += fmt.Sprintf("It was made %s by a watch on %s that did not come to tell it. ", d.Change.At.UTC().Format("2006-01-02 15:04:05 UTC"), d.Change.Host)
	}
	m.Text += "It goes on when a person says so: " + w.invocation(`rollout resume --reason "…"`)
	m.Facts = append(m.Facts, notify.Fact{Name: "report", Value: w.keepReport(ctx, r)})
	if d.Recorded != nil {
		m.Facts = append(m.Facts, notify.Fact{Name: "not recorded", Value: d.Recorded.Error()})
	}
	w.step.Record(finding("rollout.rolledback", ops.Warn(m.Title+": "+d.Change.Reason, w.invocation(`rollout resume --reason "…"`))))
	if w.nobody {
		close(told)
	}
	var once sync.Once
	m.Sent = func(channel string) {
		if w.reaches(channel) {
			once.Do(func() { close(told) })
		}
	}
	w.postJudged(m, r)
	return told
}

// reaches reports whether a channel brings a page to people: a log and a graph wait until
// somebody looks, and count where there is nothing else.
func (w *watching) reaches(channel string) bool {
	n := w.Config.Rollout.Notify
	if n.Slack == "" && n.Webhook == "" && n.Mail.Host == "" {
		return true
	}
	return channel != "writer" && !strings.HasPrefix(channel, "grafana ")
}

// tellArrival tells how a rollback arrived, and keeps it in its report.
func (w *watching) tellArrival(r rollout.Report) {
	if path := w.keepReport(context.Background(), r); strings.HasPrefix(path, unwritten) {
		w.step.Note("the report of the rollback " + path)
	}
	if len(w.Config.Rollout.Instances) == 0 && r.Done.Applied == nil {
		return // nobody confirms, here as always
	}
	result := w.arrival(*r.Done)
	m := notify.Message{Key: "arrival:" + r.Fired, Level: notify.Info, Title: "the rollback has arrived", Text: result.Summary, At: r.At, Tags: []string{"rollout", "rollback"}}
	if result.Status != ops.StatusPass {
		m.Level, m.Title = notify.Warning, "it is not known that the rollback has arrived everywhere"
		m.Text += "; " + result.Fix
	}
	for _, f := range result.Evidence {
		m.Facts = append(m.Facts, notify.Fact{Name: "does not follow", Value: f.Name + ": " + f.Value})
	}
	w.post(m)
	w.conclude(m.Title + ": " + result.Summary)
}

// arrival says how a rollback arrived.
func (w *watching) arrival(d rollout.Done) ops.Result {
	n, behind := len(d.Followed.Instances), len(d.Followed.Behind)
	status := w.invocation("rollout status")
	var result ops.Result
	switch {
	case d.Applied != nil && d.Waited:
		return ops.Warn("services could not be made to read the flag again: "+d.Applied.Error(), "run it by hand: "+strings.Join(w.Config.Rollout.Apply, " "))
	case len(w.Config.Rollout.Instances) == 0:
		return ops.Warn("no instances are configured, so nobody confirms", "set rollout.instances in clipperops.yaml")
	case !d.Waited && n == 0:
		return ops.Warn("not waited for: how many instances follow is not known", status)
	case !d.Waited:
		result = ops.Warn(fmt.Sprintf("not waited for until the end: %d of %d instances confirmed by then", n-behind, n), status)
	case d.Asked != nil:
		return ops.Warn("no instance could be found to ask: "+d.Asked.Error(), status)
	case n == 0:
		return ops.Warn("no instance was found where rollout.instances says they are", status)
	case behind > 0:
		result = ops.Warn(fmt.Sprintf("%d of %d instances confirm, after %s", n-behind, n, reports.Duration(d.Followed.Took)), status)
	default:
		return ops.Pass(fmt.Sprintf("%d of %d instances confirm, after %.2f s", n, n, d.Followed.Took.Seconds()))
	}
	for _, v := range d.Followed.Behind {
		result.Evidence = append(result.Evidence, ops.Fact{Name: instanceName(v), Value: seen(v)})
	}
	return result
}
