package console

import (
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

// Console is the Sink and the Asker of a terminal. Its methods may be called
// from several goroutines.
type Console struct {
	options  Options
	out, err *output
	live     *live // nil where nothing can be drawn over

	asking  sync.Mutex // one question at a time; taken before mu
	answers answers

	mu    sync.Mutex
	runs  map[*ops.Run]*shown
	spoke bool // something stands above already
}

// shown is what the console remembers of a run that goes on.
type shown struct {
	shape reports.Shape
	lines *reports.StepLines
	log   *progressLog
}

var (
	_ ops.Sink  = (*Console)(nil)
	_ ops.Asker = (*Console)(nil)
)

// New returns a console that writes as the options say.
func New(o Options) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	layout := reports.Layout{Width: o.Width, ASCII: !o.UTF8, Quiet: o.Quiet, Verbose: o.Verbose}
	c := &Console{options: o, answers: answers{in: o.In}, runs: map[*ops.Run]*shown{}}
	c.err = newOutput(o.Err, layout, o.ErrColor)
	if c.out = c.err; !o.OnlyErr {
		c.out = newOutput(o.Out, layout, o.OutColor)
	}
	if o.Live && !o.Quiet && o.Err != nil {
		c.live = newLive(o.Err, c.err.layout, o.Now)
	}
	return c
}

// Emit shows an event.
func (c *Console) Emit(e ops.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	run := c.runs[e.Run]
	if run == nil {
		run = &shown{shape: reports.ShapeOf(e.Run.Command)}
		c.runs[e.Run] = run
	}
	switch e.Kind {
	case ops.EventRunStarted:
		c.header(e.Run)
	case ops.EventStepStarted:
		run.lines = c.out.layout.Step(run.shape, e.Step.Name)
		run.log = &progressLog{layout: c.err.layout, step: e.Step.Name, said: e.Time}
		c.live.begin(e.Step.Name, e.Time)
	case ops.EventProgress:
		c.progress(run, e)
	case ops.EventResult:
		c.live.settle()
		c.say(c.out, run.lines.Result(*e.Result))
	case ops.EventNote:
		c.note(run, e.Text)
	case ops.EventStepEnded:
		c.live.end()
		c.say(c.out, run.lines.End(e.Step.Took, e.Step.Err))
	case ops.EventRunEnded:
		c.live.end()
		c.ending(e.Run)
		delete(c.runs, e.Run)
	}
}

// say prints lines, out of the way of the live ones.
func (c *Console) say(o *output, lines []string) {
	if len(lines) == 0 {
		return
	}
	c.spoke = true
	c.live.aside(func() { o.print(lines...) })
}

func (c *Console) header(run *ops.Run) {
	if c.options.Quiet {
		return
	}
	var lines []string
	if c.spoke {
		lines = append(lines, "")
	}
	c.say(c.out, append(append(lines, c.out.layout.Header(run)...), ""))
}

func (c *Console) progress(run *shown, e ops.Event) {
	switch {
	case c.options.Quiet:
	case c.live != nil:
		c.live.progress(*e.Progress, e.Time)
	default:
		c.say(c.err, run.log.line(*e.Progress, e.Time))
	}
}

func (c *Console) note(run *shown, text string) {
	if c.options.Quiet {
		return
	}
	c.say(c.out, run.lines.Flush())
	c.say(c.err, run.lines.Note(c.err.layout, text))
}

func (c *Console) ending(run *ops.Run) {
	result := c.out.layout.Ending(run)[0]
	failures := c.err.layout.Ending(run)[1]
	if !c.options.Quiet {
		result = spaced(result)
		failures = spaced(failures)
	}
	c.say(c.out, result)
	c.say(c.err, failures)
}

// spaced puts an empty line before lines, where there are any.
func spaced(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	return append([]string{""}, lines...)
}

// Failure shows a failure that belongs to no run, e.g. a mistake on the command
// line. It goes to Err.
func (c *Console) Failure(f *ops.Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say(c.err, c.err.layout.Failure(f))
}

// Warn says on Err what belongs to no run, each in a line or more.
func (c *Console) Warn(sentences ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sentence := range sentences {
		c.say(c.err, c.err.layout.Warning(sentence))
	}
}

// Layout is how the console sets lines for Out, for those who have something to
// show that is no run, e.g. a reports.List. Write it with Print.
func (c *Console) Layout() reports.Layout { return c.out.layout }

// Print writes text that belongs to no run to Out.
func (c *Console) Print(text string) { c.to(c.out, text) }

func (c *Console) toErr(text string) { c.to(c.err, text) }

func (c *Console) to(o *output, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spoke = true
	c.live.aside(func() { o.write(text) })
}

// Close takes a live line away that a run left behind which never ended. The
// console can be used again afterwards.
func (c *Console) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live.end()
}
