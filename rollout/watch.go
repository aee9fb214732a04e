package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
	"github.com/clipper/clipperops/rollout/instances"
)

// Watcher judges, tick after tick, whether the feature is to be taken back.
type Watcher struct {
	Controller *Controller
	Release    *release.Rollout
	Phases     Phases
	Source     metrics.Source
	// Every is how long one tick is.
	Every time.Duration
	// AutoAdvance moves on by itself when everything is there.
	AutoAdvance bool
	// Tell is given each rollback as soon as it is made and recorded, before instances are
	// waited for, and one that was made and that nobody was told of, again with every tick
	// until people were told. The channel is closed when they were. nil tells nobody.
	Tell func(context.Context, Report) <-chan struct{}

	samples []Sample
	loaded  bool
	// seen is what was known of each pair at the last tick that was kept, next at this one.
	seen, next map[pair]seen
	// firing are the alerts that are on, those that count a stay in the one whose Clean is stay;
	// late the instances that did not follow at the tick before.
	firing, late map[string]bool
	stay         time.Time
	// telling is the rollback that people are being told of until told is closed; nil for none.
	telling Change
	told    <-chan struct{}
}

// Report is what one tick found and did.
type Report struct {
	At     time.Time `json:"at"`
	View   View      `json:"-"`
	Sample Sample    `json:"sample"`
	// Rules are judgements by the id of the rule.
	Rules map[string]gate.Judgement `json:"rules"`
	// Evidence is the surveillance's, as a power of ten.
	Evidence float64 `json:"evidence"`
	// Fired is the rule that made a change, Done the change; Failed why it could not be
	// made.
	Fired  string `json:"fired,omitempty"`
	Done   *Done  `json:"-"`
	Failed error  `json:"-"`
	// Found says that Done was made before, and that nobody was told.
	Found bool `json:"-"`
	// Alerts begin or end with this tick.
	Alerts []Alert `json:"alerts,omitempty"`
	// Problems are what keeps the watch from knowing.
	Problems  []string         `json:"problems,omitempty"`
	Instances []instances.View `json:"instances,omitempty"`
}

// Tick looks once. An error is that the record cannot be had: nothing was done, and what
// was counted is counted again next time.
func (w *Watcher) Tick(ctx context.Context) (Report, error) {
	now := w.Controller.Now().UTC()
	r := Report{At: now, Rules: map[string]gate.Judgement{}}
	var err error
	if r.View, err = w.Controller.Look(ctx); err != nil {
		return r, err
	}
	if err := w.load(ctx, now); err != nil {
		return r, err
	}
	if apart := w.Controller.ClocksApart(); apart != "" {
		r.Problems = append(r.Problems, "clock: "+apart+", and metrics are asked by it: set it")
	}
	w.tellLeft(ctx, r)
	// What a clock that was set back has told of the future is not so.
	w.samples = slices.DeleteFunc(w.samples, func(s Sample) bool { return s.At.After(now) })
	clean := w.clean(r.View.State, now)
	r.Sample = w.count(ctx, now, clean, r.View)
	if c := r.View.State.Clean; w.Controller.Here(c).After(now) {
		r.Sample.Ahead = c
	}
	if r.Sample.Problem != "" {
		r.Problems = append(r.Problems, r.Sample.Problem)
	}
	w.carry(&r.Sample)
	w.judge(&r, clean)
	if err := w.Controller.Record.AddSample(ctx, w.Controller.Flag, r.Sample); err != nil {
		return r, err
	}
	w.keep(r.Sample)
	w.act(ctx, &r)
	w.alert(ctx, now, &r)
	if err := ctx.Err(); err != nil {
		return r, err // what begins or ends is left to the next watch to tell
	}
	w.keepLasting(ctx, &r)
	limited, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	w.keepTold(ctx, &r, limited.Done())
	return r, nil
}

// load takes up what another watch counted.
func (w *Watcher) load(ctx context.Context, now time.Time) error {
	if w.loaded {
		return nil
	}
	samples, err := w.Controller.Record.Samples(ctx, w.Controller.Flag, now.Add(-w.memory()))
	if err != nil {
		return err
	}
	last, err := w.Controller.Record.LastSample(ctx, w.Controller.Flag)
	if err != nil {
		return err
	}
	w.samples, w.loaded = samples, true
	w.takeUp(last)
	return nil
}

// clean is since when what is counted belongs to the present stay. One in the future,
// because this clock was set back or another's is ahead, would leave the rules blind until
// then: what comes after the first look that saw it counts, whichever watch looked.
func (w *Watcher) clean(s State, now time.Time) time.Time {
	if here := w.Controller.Here(s.Clean); !here.After(now) {
		return here
	}
	for _, one := range w.samples {
		if one.Ahead.Equal(s.Clean) {
			return one.At
		}
	}
	return now
}

// memory is how far back the longest rule looks.
func (w *Watcher) memory() time.Duration {
	longest := longestTick
	for _, rule := range w.Release.Rollback {
		longest = max(longest, rule.For)
	}
	return longest + 10*w.Every
}

func (w *Watcher) keep(s Sample) {
	w.seen = w.next
	w.samples = append(w.samples, s)
	oldest := s.At.Add(-w.memory())
	w.samples = slices.DeleteFunc(w.samples, func(one Sample) bool { return one.At.Before(oldest) })
}
