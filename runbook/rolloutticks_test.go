package runbook

import (
	"bytes"
	"context"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

// watch is a watch that goes on tick by tick.
type watch struct {
	w       *world
	cancel  context.CancelFunc
	waiting chan struct{}
	release chan time.Time
	ended   chan *ops.Run
}

// watches begins one, and returns when its first tick is over.
func (w *world) watches(o RolloutWatchOptions) *watch {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	one := &watch{w: w, cancel: cancel, waiting: make(chan struct{}), release: make(chan time.Time), ended: make(chan *ops.Run, 1)}
	o.Wait = func(time.Duration) <-chan time.Time {
		select {
		case one.waiting <- struct{}{}:
		case <-ctx.Done():
		}
		return one.release
	}
	s := w.session()
	go func() { one.ended <- RolloutWatch(ctx, s, o) }()
	w.t.Cleanup(func() { one.end() })
	one.wait()
	return one
}

// wait waits until a tick is over.
func (o *watch) wait() {
	o.w.t.Helper()
	select {
	case <-o.waiting:
	case run := <-o.ended:
		o.ended <- run
		var text bytes.Buffer
		_ = reports.Write(&text, reports.FormatText, run)
		o.w.t.Fatalf("the watch has ended:\n%s", text.String())
	case <-time.After(2 * time.Minute):
		o.w.t.Fatal("the watch hangs")
	}
}

// tick lets the time of one tick pass, and the watch look.
func (o *watch) tick() {
	o.w.t.Helper()
	o.w.clock.advance(DefaultTick)
	o.release <- o.w.clock.Now()
	o.wait()
}

// end ends the watch as a signal does.
func (o *watch) end() *ops.Run {
	o.cancel()
	run := <-o.ended
	o.ended <- run
	return run
}
