package console

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// liveAfter is how long something must take before a live line shows it: what is
// over sooner would only flicker.
const liveAfter = 250 * time.Millisecond

// live draws, on a terminal, one line for each thing that makes progress, or for
// the step that runs, below all that is printed. It takes its lines away before
// anything else is printed. A nil live draws nothing.
type live struct {
	out    io.Writer
	layout reports.Layout
	now    func() time.Time

	drawing sync.Mutex // guards what follows; taken before model
	bars    *mpb.Progress
	rows    []*mpb.Bar
	timer   *time.Timer
	held    bool

	model   sync.Mutex
	step    string
	started time.Time
	things  []*moving
}

func newLive(out io.Writer, layout reports.Layout, now func() time.Time) *live {
	return &live{out: out, layout: layout, now: now}
}

// begin shows that a step runs.
func (l *live) begin(step string, at time.Time) {
	if l == nil {
		return
	}
	l.model.Lock()
	l.step, l.started, l.things = step, at, nil
	l.model.Unlock()
	l.aside(func() {})
}

// progress shows how far something has come.
func (l *live) progress(p ops.Progress, at time.Time) {
	if l == nil {
		return
	}
	l.model.Lock()
	var m *moving
	m, l.things = find(l.things, p.Label, at)
	m.update(p, at)
	if m.finished() {
		l.drop(m)
	}
	l.model.Unlock()

	l.drawing.Lock()
	defer l.drawing.Unlock()
	if l.bars != nil {
		l.match()
	} else {
		l.arm()
	}
}

// drop forgets a thing. The caller holds model.
func (l *live) drop(m *moving) {
	for i, other := range l.things {
		if other == m {
			l.things = append(l.things[:i:i], l.things[i+1:]...)
			return
		}
	}
}

// settle forgets what moved: a result says how it ended.
func (l *live) settle() {
	if l == nil {
		return
	}
	l.model.Lock()
	l.things = nil
	l.model.Unlock()
}

// end takes everything away.
func (l *live) end() {
	if l == nil {
		return
	}
	l.model.Lock()
	l.step, l.things = "", nil
	l.model.Unlock()
	l.aside(func() {})
}

// hold takes the lines away and keeps them away until release.
func (l *live) hold() {
	if l == nil {
		return
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.held = true
	l.clear()
}

func (l *live) release() {
	if l == nil {
		return
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.held = false
	l.arm()
}

// aside runs print with the lines taken away; they come back a little later.
func (l *live) aside(print func()) {
	if l == nil {
		print()
		return
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.clear()
	print()
	l.arm()
}

// clear erases the lines. The caller holds drawing.
func (l *live) clear() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.bars == nil {
		return
	}
	for _, row := range l.rows {
		row.Abort(true)
	}
	l.bars.Wait()
	l.bars, l.rows = nil, nil
}

// arm lets the lines appear after a while. The caller holds drawing.
func (l *live) arm() {
	if l.timer != nil || l.bars != nil || l.held || len(l.lines(0)) == 0 {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(liveAfter, func() {
		l.drawing.Lock()
		defer l.drawing.Unlock()
		if l.timer != timer {
			return // something was printed meanwhile
		}
		l.timer = nil
		l.bars = mpb.New(l.container()...)
		l.match()
	})
	l.timer = timer
}

func (l *live) container() []mpb.ContainerOption {
	options := []mpb.ContainerOption{mpb.WithOutput(l.out), mpb.WithRefreshRate(150 * time.Millisecond)}
	if _, isFile := l.out.(*os.File); !isFile {
		options = append(options, mpb.WithAutoRefresh(), mpb.WithWidth(l.layout.Columns()))
	}
	return options
}

// match has as many rows drawn as there are lines. The caller holds drawing.
func (l *live) match() {
	want := len(l.lines(0))
	for len(l.rows) > want {
		last := len(l.rows) - 1
		l.rows[last].Abort(true)
		l.rows = l.rows[:last]
	}
	for len(l.rows) < want {
		row := len(l.rows)
		bar, err := l.bars.Add(0, mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
			lines := l.lines(s.AvailableWidth - 1)
			if row >= len(lines) {
				return nil
			}
			_, err := io.WriteString(w, lines[row])
			return err
		}), mpb.BarFillerTrim())
		if err != nil {
			return // the terminal went away
		}
		l.rows = append(l.rows, bar)
	}
}

// lines renders what goes on now, at most width columns wide.
func (l *live) lines(width int) []string {
	l.model.Lock()
	defer l.model.Unlock()
	if l.step == "" {
		return nil
	}
	now := l.now()
	if len(l.things) == 0 {
		text := lead(l.step, l.layout) + l.layout.Ellipsis() + " " + whole(now.Sub(l.started))
		return []string{clip(text, width, l.layout)}
	}
	lines := make([]string, len(l.things))
	for i, m := range l.things {
		lines[i] = m.line(l.step, width, now, l.layout)
	}
	return lines
}
