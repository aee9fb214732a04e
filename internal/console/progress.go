package console

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

// logEvery is how often progress may add a line to a log, in the time of the events.
const logEvery = 5 * time.Second

// paceWindow is how far back the rate of something looks.
const paceWindow = 20 * time.Second

// moving is one thing that makes progress.
type moving struct {
	label   string
	started time.Time
	last    ops.Progress
	samples []sample
}

type sample struct {
	at   time.Time
	done int64
}

// update takes a progress in.
func (m *moving) update(p ops.Progress, at time.Time) {
	if p.Done < m.last.Done {
		m.samples, m.started = nil, at // it began anew
	}
	if p.Unit != m.last.Unit {
		m.samples = nil // the pace was of something else
	}
	m.last = p
	m.samples = append(m.samples, sample{at, p.Done})
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= paceWindow {
		m.samples = m.samples[1:]
	}
}

func (m *moving) finished() bool { return m.last.Total > 0 && m.last.Done >= m.last.Total }

// rate is units a second, 0 while it cannot be told, and of what has no pace.
func (m *moving) rate() float64 {
	if len(m.samples) < 2 || m.last.Unit == ops.UnitInstances {
		return 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	took := last.at.Sub(first.at).Seconds()
	if took < 0.5 || last.done <= first.done {
		return 0
	}
	return float64(last.done-first.done) / took
}

// field is a part of a progress line; the one with the highest rank is left out
// first where the line is too long.
type field struct {
	text string
	rank int
	// cut says that it is rather cut off than left out, when it is the last.
	cut bool
}

func (m *moving) fields(step string, now time.Time, l reports.Layout) []field {
	p := m.last
	var out []field
	if p.Label != "" && p.Label != step {
		out = append(out, field{text: l.Spell(p.Label), rank: 1})
	}
	amount, perSecond := amounts(p, m.rate())
	if p.Took > 0 {
		return append(out, m.timed(amount, now, l)...)
	}
	if amount != "" {
		out = append(out, field{text: amount, rank: 2})
	}
	if p.Total > 0 {
		out = append(out, field{text: reports.Count(min(100, p.Done*100/p.Total)) + " %", rank: 4})
	} else if elapsed := now.Sub(m.started); elapsed >= time.Second {
		out = append(out, field{text: whole(elapsed), rank: 3})
	}
	if perSecond != "" {
		out = append(out, field{text: perSecond, rank: 6})
	}
	if left := m.left(now); left != "" {
		out = append(out, field{text: left, rank: 5})
	}
	if p.Detail != "" {
		out = append(out, field{text: l.Spell(p.Detail), rank: 3, cut: amount == ""})
	}
	return out
}

// timed are the fields of what runs for so long, such as a statement: what the server
// counts is of one phase of it, and says less than the time it takes.
func (m *moving) timed(amount string, now time.Time, l reports.Layout) []field {
	p := m.last
	var out []field
	if p.Detail != "" {
		out = append(out, field{text: l.Spell(p.Detail), rank: 5})
	}
	if amount != "" {
		out = append(out, field{text: amount, rank: 6})
	}
	if p.Total > 0 {
		out = append(out, field{text: reports.Count(min(100, p.Done*100/p.Total)) + " %", rank: 4})
	}
	out = append(out, field{text: whole(p.Took + m.since(now)), rank: 3})
	if left := m.left(now); left != "" {
		out = append(out, field{text: left, rank: 2})
	}
	return out
}

// since is how long ago the last progress was.
func (m *moving) since(now time.Time) time.Duration {
	return max(now.Sub(m.samples[len(m.samples)-1].at), 0)
}

// left is how long it will take yet, "" when nobody knows: what was expected, but not
// less than what its pace says of the part it is in.
func (m *moving) left(now time.Time) string {
	expected, pace := max(m.last.Left-m.since(now), 0), time.Duration(0)
	if rate := m.rate(); rate > 0 && m.last.Total > m.last.Done {
		pace = time.Duration(float64(m.last.Total-m.last.Done) / rate * float64(time.Second))
		pace = max(pace.Round(time.Second), time.Second)
	}
	switch {
	case m.last.Left > 0 && max(expected, pace) > 0:
		return "about " + whole(max(expected.Round(time.Second), pace, time.Second)) + " left"
	case pace > 0:
		return whole(pace) + " left"
	}
	return ""
}

// whole renders a duration that is an estimate or still grows: no tenths.
func whole(d time.Duration) string {
	if d < 10*time.Second {
		return reports.Count(int64(d/time.Second)) + " s"
	}
	return reports.Duration(d.Truncate(time.Second))
}

// amounts renders how much has been done, and the rate.
func amounts(p ops.Progress, rate float64) (amount, perSecond string) {
	render, noun := reports.Count, ""
	switch p.Unit {
	case ops.UnitBytes:
		render = reports.Bytes
	case "":
	default:
		noun = " " + string(p.Unit)
	}
	switch {
	case p.Total > 0:
		amount = render(p.Done) + " of " + render(p.Total) + noun
	case p.Done > 0:
		amount = render(p.Done) + noun
	}
	if rate >= 1 && p.Unit != ops.UnitFiles && p.Unit != "" {
		perSecond = render(int64(rate)) + noun + "/s"
	}
	return amount, perSecond
}

// line renders the progress in at most width columns.
func (m *moving) line(step string, width int, now time.Time, l reports.Layout) string {
	fields := m.fields(step, now, l)
	for {
		texts := make([]string, len(fields))
		worst := 0
		for i, f := range fields {
			texts[i] = f.text
			if f.rank > fields[worst].rank {
				worst = i
			}
		}
		line := lead(step, l) + strings.Join(texts, "  ")
		if utf8.RuneCountInString(line) <= width || len(fields) <= 1 || len(fields) == 2 && fields[1].cut {
			return clip(line, width, l)
		}
		fields = append(fields[:worst], fields[worst+1:]...)
	}
}

// lead is the step's name in the left column.
func lead(step string, l reports.Layout) string {
	name := l.Spell(step)
	return name + strings.Repeat(" ", max(1, 10-utf8.RuneCountInString(name)))
}

// clip cuts a line to width, spelled for the terminal.
func clip(line string, width int, l reports.Layout) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	ellipsis := l.Ellipsis()
	return string(runes[:max(0, width-utf8.RuneCountInString(ellipsis))]) + ellipsis
}

// progressLog turns progress into lines of a log: few, and never two in a row
// that say the same.
type progressLog struct {
	layout reports.Layout
	step   string
	said   time.Time
	text   string
	things []*moving
}

// line takes a progress in and returns the lines to print, mostly none.
func (g *progressLog) line(p ops.Progress, at time.Time) []string {
	var m *moving
	m, g.things = find(g.things, p.Label, at)
	m.update(p, at)
	if at.Sub(g.said) < logEvery {
		return nil
	}
	text := m.line(g.step, g.layout.Columns(), at, g.layout)
	if text == g.text {
		return nil
	}
	g.said, g.text = at, text
	return []string{text}
}

// find returns the thing with the label, added where it is new.
func find(things []*moving, label string, at time.Time) (*moving, []*moving) {
	for _, m := range things {
		if m.label == label {
			return m, things
		}
	}
	m := &moving{label: label, started: at}
	return m, append(things, m)
}
