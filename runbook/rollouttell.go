package runbook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/notify"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
)

// farewell bounds what is still sent when the watch ends.
const farewell = 10 * time.Second

// over ends the key of a message that something is over: the news that it began must not
// hold it back.
const over = ":over"

// openQueue readies what people are told by.
func (w *watching) openQueue() error {
	channels, err := w.channels()
	if err != nil {
		return err
	}
	w.nobody = len(channels) == 0
	templates := notify.Templates{}
	for _, m := range w.Release.Rollout.Messages {
		templates[m.Kind] = m.Text
	}
	parsed, err := notify.ParseTemplates(templates)
	if err != nil {
		return &ops.Failure{Code: ops.ExitUsage, What: "the release file's messages: " + err.Error(), State: []string{"nothing was changed"}, Err: err}
	}
	w.queue = notify.New(channels, notify.Options{Templates: parsed, Now: w.Now, OnError: func(channel string, err error) {
		w.step.Note("could not notify " + channel + ": " + err.Error())
	}})
	return nil
}

// closeQueue sends what is still to be sent, also when ctx has ended.
func (w *watching) closeQueue(ctx context.Context) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if left := w.queue.Close(closing); left != nil {
		w.step.Note(left.Error())
	}
}

// keepTold keeps what was sent at the very end to have been told.
func (w *watching) keepTold(ctx context.Context) {
	if w.watcher == nil {
		return
	}
	if err := w.watcher.KeepTold(ctx); err != nil {
		w.step.Note("that people were told of the rollback could not be kept, and another watch tells it again: " + err.Error())
	}
}

// say notes what is new, once.
func (w *watching) say(text string) {
	if text != w.said {
		w.said = text
		w.step.Note(text)
	}
}

// report tells when the database goes away and when it is back.
func (w *watching) report(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	if away := w.show.problem(what, err != nil); !away {
		return
	}
	m := notify.Message{Key: "watch:" + what, Level: notify.Warning, Title: "the watch cannot reach the " + what, At: w.Now()}
	if err != nil {
		m.Text = ops.AsFailure(err).What + "; nothing is judged until it answers"
	} else {
		m.Key += over
		m.Level, m.Title, m.Text = notify.Info, "the watch reaches the "+what+" again", "it goes on judging"
	}
	w.post(m)
}

func (w *watching) post(m notify.Message) {
	m.Environment, m.Flag = string(w.Config.Environment), w.Release.Rollout.Flag
	w.queue.Post(m)
}

// tell notifies of what a tick did and found.
func (w *watching) tell(ctx context.Context, r rollout.Report) {
	if r.View.Note != "" {
		w.post(notify.Message{Key: "settled", Level: notify.Warning, Title: "a change that was begun was found", Text: r.View.Note, At: r.At})
	}
	for _, a := range r.Alerts {
		m := notify.Message{Key: "alert:" + a.ID, Level: notify.Level(a.Level), Title: a.Title, Text: a.Words, At: r.At, Tags: []string{"alert", a.ID}}
		if a.Over {
			m.Key += over
			m.Level, m.Title = notify.Info, "over: "+a.Title
		}
		w.post(m)
	}
	if r.Fired == "" {
		return
	}
	d := r.Done
	switch {
	case r.Failed == nil && d.Change.Kind == rollout.KindRollback:
		w.tellArrival(r)
		return
	case r.Failed == nil:
		m := notify.Message{Key: "advance", Level: notify.Info, At: r.At, Tags: []string{"rollout", "advance"}, Text: d.Change.Reason}
		m.Title = fmt.Sprintf("moved on: %s → %s", d.Change.From, d.Change.To)
		w.postJudged(m, r)
	default:
		m := notify.Message{Key: "rollback:" + r.Fired, Level: notify.Page, At: r.At, Tags: []string{"rollout", "rollback"}}
		m.Title = "the feature should be taken back, and could not be"
		m.Text = r.Failed.Error() + "; it is tried again with the next tick; by hand: " + w.invocation("rollout off")
		w.postJudged(m, r)
	}
}

// postJudged posts what was done or tried, with the other rules that say so, and concludes
// with it.
func (w *watching) postJudged(m notify.Message, r rollout.Report) {
	for _, id := range slices.Sorted(maps.Keys(r.Rules)) {
		if j := r.Rules[id]; j.Verdict == gate.Fail && id != r.Fired { // the reason tells that one
			m.Facts = append(m.Facts, notify.Fact{Name: id, Value: j.Words})
		}
	}
	w.post(m)
	w.conclude(m.Title + ": " + strings.TrimSuffix(m.Text, "."))
}
