package runbook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/notify"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
	"github.com/clipper/clipperops/rollout/instances"
)

const (
	// DefaultTick is how often the watch looks.
	DefaultTick = 15 * time.Second
	// leadEvery is how often a watch that does not lead tries to.
	leadEvery = 3 * time.Second
	// farewell bounds what is still sent when the watch ends.
	farewell = 10 * time.Second
)

// RolloutWatchOptions say how the rollout is watched.
type RolloutWatchOptions struct {
	// Every is how often it looks. Default: DefaultTick.
	Every time.Duration
	// Once looks once and ends, for cron.
	Once bool
	// AutoAdvance moves on by itself when everything is there.
	AutoAdvance bool
	// Listen is where /metrics and /healthz are served; "" for nowhere.
	Listen string
	// Log receives a line for every notification.
	Log io.Writer
	// Propagation is how long instances may take to follow.
	Propagation time.Duration
	// Wait waits for a duration of the Session's clock. Default: time.After.
	Wait func(time.Duration) <-chan time.Time
}

// RolloutWatch watches the rollout until ctx ends: it takes the feature back when a rule
// says so, and tells people. It goes on while paused, and after the last phase. Its end
// by a signal is no failure.
func RolloutWatch(ctx context.Context, s *Session, o RolloutWatchOptions) *ops.Run {
	if o.Every == 0 {
		o.Every = DefaultTick
	}
	if o.Propagation == 0 {
		o.Propagation = DefaultPropagation
	}
	if o.Wait == nil {
		o.Wait = time.After
	}
	return s.conduct(ctx, "rollout watch", func(ctx context.Context, f *flow) error {
		return f.step(ctx, "watch", func(ctx context.Context, step *ops.Step) error {
			w := &watching{flow: f, o: o, step: step, show: newWatchMetrics(s.Release.Rollout.Flag)}
			return w.watch(ctx)
		})
	})
}

// watching is a watch under way.
type watching struct {
	*flow
	o     RolloutWatchOptions
	step  *ops.Step
	queue *notify.Queue
	show  *watchMetrics
	// src is where metrics are asked; our own is scraped with every tick. nil while another
	// process scrapes into the same folder.
	src metrics.Source
	// watcher leads; nil while another one does, or the database is away.
	watcher *rollout.Watcher
	said    string
}

func (w *watching) watch(ctx context.Context) (err error) {
	if w.Release.Rollout.Flag == "" {
		return &ops.Failure{Code: ops.ExitUsage, What: "the release " + w.Release.Name + " has no rollout", State: []string{"nothing was changed"}}
	}
	if w.Config.TargetErr != nil {
		return w.Config.TargetErr
	}
	if err := w.openSource(); err != nil && !errors.As(err, new(*metrics.Busy)) {
		return &ops.Failure{Code: ops.ExitUsage, What: err.Error(), State: []string{"nothing was changed"}, Err: err}
	}
	defer func() {
		if w.src != nil {
			err = errors.Join(err, w.src.Close())
		}
	}()
	channels, err := w.channels()
	if err != nil {
		return err
	}
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
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		if left := w.queue.Close(closing); left != nil {
			w.step.Note(left.Error())
		}
	}()
	if w.o.Listen != "" {
		end, err := w.serve(ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	if w.o.Once {
		return w.once(ctx)
	}
	w.step.Note(fmt.Sprintf("watching %s on %s every %s", w.Release.Rollout.Flag, w.Config.Environment, w.o.Every))
	for {
		pause := w.o.Every
		if led, err := w.tick(ctx); !led {
			pause = min(leadEvery, w.o.Every)
			_ = err // it was said
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.o.Wait(pause):
		}
	}
}

// openSource opens the metrics, unless they are open.
func (w *watching) openSource() (err error) {
	if w.src == nil {
		if w.src, err = w.metricsSource(); err == nil {
			w.step.Note(fmt.Sprintf("metrics: %s", w.src))
		}
	}
	return err
}

// once looks once, for cron.
func (w *watching) once(ctx context.Context) error {
	led, err := w.tick(ctx)
	if err != nil {
		return err
	}
	if !led {
		w.conclude("Another watch is at work; nothing was done.")
	}
	return nil
}

func (w *watching) conclude(conclusion string) {
	w.run.Conclusion = append(w.run.Conclusion, conclusion)
}

// channels are all that are configured, and the log.
func (w *watching) channels() ([]notify.Channel, error) {
	n := w.Config.Rollout.Notify
	var all []notify.Channel
	if w.o.Log != nil {
		all = append(all, notify.Writer(w.o.Log))
	}
	add := func(c notify.Channel, err error) error {
		if err == nil {
			all = append(all, c)
		}
		return err
	}
	var errs []error
	client := &http.Client{Timeout: 10 * time.Second}
	if n.Slack != "" {
		errs = append(errs, add(notify.Slack(n.Slack.Reveal(), client)))
	}
	if n.Webhook != "" {
		errs = append(errs, add(notify.Webhook(n.Webhook.Reveal(), n.WebhookToken.Reveal(), client)))
	}
	if n.Grafana != "" {
		errs = append(errs, add(notify.Grafana(n.Grafana, n.GrafanaToken.Reveal(), client)))
	}
	if n.Mail.Host != "" {
		errs = append(errs, add(notify.Mail(notify.MailOptions{
			Host: n.Mail.Host, Port: n.Mail.Port, User: n.Mail.User, Password: n.Mail.Password.Reveal(), From: n.Mail.From, To: n.Mail.To, TLS: n.Mail.TLS,
		})))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &ops.Failure{Code: ops.ExitUsage, What: "who is to be notified cannot be used: " + err.Error(), State: []string{"nothing was changed"}, Err: err}
	}
	return all, nil
}

// tick leads, or tries to, and looks once. What goes wrong is said when it begins and
// when it is over; the watch goes on.
func (w *watching) tick(ctx context.Context) (led bool, err error) {
	started := w.Now()
	var busy *metrics.Busy
	if err := w.openSource(); errors.As(err, &busy) {
		w.say(fmt.Sprintf("%s scrapes into %s; standing by", busy.Holder, busy.Dir))
		w.show.standby(w.Now())
		return false, nil
	} else if err != nil {
		w.report(ctx, "metrics", err)
		return false, err
	}
	w.report(ctx, "metrics", nil)
	if scraper, ok := w.src.(*metrics.Scraper); ok {
		_ = scraper.Scrape(ctx) // what could not be scraped shows as no data
	}
	if w.watcher == nil {
		if led, err = w.lead(ctx); err != nil || !led {
			w.report(ctx, "database", err)
			if !led && err == nil {
				w.say("another watch leads; standing by")
			}
			w.show.standby(w.Now())
			return led, err
		}
		w.say("leading")
	}
	r, err := w.watcher.Tick(ctx)
	if err != nil && ctx.Err() == nil {
		w.part(ctx) // the connection may be gone, and with it the lead
		w.report(ctx, "database", err)
		return false, err
	}
	if err != nil {
		return true, nil //nolint:nilerr // the watch is over
	}
	w.report(ctx, "database", nil)
	w.tell(ctx, r)
	w.show.saw(r, w.Now().Sub(started), w.Now())
	return true, nil
}

// lead connects and tries to become the one that acts.
func (w *watching) lead(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, rolloutConnect)
	defer cancel()
	if w.conn == nil {
		conn, err := pg.Connect(limited, w.Config.Target, pg.ConnOptions{
			Application: w.application("rollout watch"), StatementTimeout: 10 * time.Second, LockTimeout: 2 * time.Second,
		})
		if err != nil {
			return false, err
		}
		w.conn = conn
	}
	led, err := rollout.Lead(limited, w.conn, w.Release.Rollout.Flag)
	if err != nil || !led {
		if err != nil {
			w.part(ctx)
		}
		return false, err
	}
	record, err := rollout.OpenRecord(limited, w.conn)
	if err == nil && w.Config.Rollout.Store == "postgres" {
		err = postgres.Setup(limited, w.conn)
	}
	if err != nil {
		w.part(ctx)
		return false, err
	}
	store, err := w.store()
	if err != nil {
		return false, err
	}
	r := &w.Release.Rollout
	w.watcher = &rollout.Watcher{
		Controller: &rollout.Controller{
			Flag: r.Flag, Store: store, Record: record, Apply: w.applier(), Timeout: w.o.Propagation, Now: w.Now,
			Instances: instances.Client{Places: w.places(w.Config.Rollout.Instances)},
			By:        "rollout watch", Host: w.Host, Run: w.run.ID,
		},
		Release: r, Phases: r.In(string(w.Config.Environment)), Source: w.src, Every: w.o.Every, AutoAdvance: w.o.AutoAdvance,
	}
	return true, nil
}

// part gives the connection up, and the lead with it.
func (w *watching) part(ctx context.Context) {
	w.watcher = nil
	if w.conn == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = w.conn.Close(limited) // the server ends the session either way
	w.conn = nil
}

// over ends the key of a message that something is over: the news that it began must not
// hold it back.
const over = ":over"

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
	m := notify.Message{Key: "rollback:" + r.Fired, Level: notify.Page, At: r.At, Tags: []string{"rollout", "rollback"}}
	switch d := r.Done; {
	case r.Failed != nil:
		m.Title = "the feature should be taken back, and could not be"
		m.Text = r.Failed.Error() + "; it is tried again with the next tick; by hand: " + w.invocation("rollout off")
	case d.Change.Kind != rollout.KindRollback:
		m.Key, m.Level, m.Tags = "advance", notify.Info, []string{"rollout", "advance"}
		m.Title, m.Text = fmt.Sprintf("moved on: %s → %s", d.Change.From, d.Change.To), d.Change.Reason
	default:
		m.Title = fmt.Sprintf("rolled back: %s → %s", d.Change.From, d.Change.To)
		m.Text = d.Change.Reason + ". It goes on when a person says so: " + w.invocation(`rollout resume --reason "…"`)
		n := len(d.Followed.Instances)
		m.Facts = append(m.Facts, notify.Fact{Name: "instances", Value: fmt.Sprintf("%d of %d confirm in %.2f s", n-len(d.Followed.Behind), n, d.Followed.Took.Seconds())})
		for _, v := range d.Followed.Behind {
			m.Facts = append(m.Facts, notify.Fact{Name: "does not follow", Value: instanceName(v) + ": " + seen(v)})
		}
		m.Facts = append(m.Facts, notify.Fact{Name: "report", Value: w.keepReport(ctx, r)})
		if d.Recorded != nil {
			m.Facts = append(m.Facts, notify.Fact{Name: "not recorded", Value: d.Recorded.Error()})
		}
		w.step.Record(finding("rollout.rolledback", ops.Warn(m.Title+": "+d.Change.Reason, w.invocation(`rollout resume --reason "…"`))))
	}
	for _, id := range slices.Sorted(maps.Keys(r.Rules)) {
		if j := r.Rules[id]; j.Verdict == gate.Fail {
			m.Facts = append(m.Facts, notify.Fact{Name: id, Value: j.Words})
		}
	}
	w.post(m)
	w.conclude(m.Title + ": " + strings.TrimSuffix(m.Text, "."))
}
