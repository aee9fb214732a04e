package runbook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/notify"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
)

const (
	// DefaultTick is how often the watch looks.
	DefaultTick = 15 * time.Second
	// leadEvery is how often a watch that does not lead tries to.
	leadEvery = 3 * time.Second
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
	paged   page
	nobody  bool // is told of anything
}

func (w *watching) watch(ctx context.Context) (err error) {
	if err := w.hasRollout(); err != nil {
		return err
	}
	if w.Config.TargetErr != nil {
		return w.Config.TargetErr
	}
	if err := w.Config.Rollout.SecretsErr; err != nil {
		return err
	}
	if err := w.openSource(); err != nil && !errors.As(err, new(*metrics.Busy)) {
		return &ops.Failure{Code: ops.ExitUsage, What: err.Error(), State: []string{"nothing was changed"}, Err: err}
	}
	defer func() {
		if w.src != nil {
			err = errors.Join(err, w.src.Close())
		}
	}()
	if err := w.openQueue(); err != nil {
		return err
	}
	defer func() {
		w.closeQueue(ctx)
		w.keepTold(ctx)
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
		err = w.unwritable(err)
		w.part(ctx) // the connection may be gone, and with it the lead
		w.report(ctx, "database", err)
		return false, err
	}
	if err != nil {
		if r.Fired != "" && r.Failed == nil { // what was made is told; what begins or ends is the next watch's to tell
			r.Alerts = nil
			w.tell(context.WithoutCancel(ctx), r)
		}
		return true, nil //nolint:nilerr // the watch is over
	}
	w.report(ctx, "database", nil)
	w.tell(ctx, r)
	if w.o.Once {
		w.looked(r)
	}
	w.show.saw(r, w.Now().Sub(started), w.Now())
	return true, nil
}
