package ops

import "time"

// EventKind tells what an Event reports.
type EventKind string

// The kinds of events a Run emits, in the order they can occur.
const (
	EventRunStarted  EventKind = "run.started"
	EventStepStarted EventKind = "step.started"
	EventProgress    EventKind = "progress"
	EventResult      EventKind = "result"
	EventNote        EventKind = "note"
	EventStepEnded   EventKind = "step.ended"
	EventRunEnded    EventKind = "run.ended"
)

// Unit is what a Progress counts.
type Unit string

// The units of progress.
const (
	UnitBytes Unit = "bytes"
	UnitRows  Unit = "rows"
	UnitFiles Unit = "files"
	// UnitBlocks are the server's pages of 8 kB.
	UnitBlocks Unit = "blocks"
	// UnitInstances are those of a service that are waited for: each comes when it comes, so
	// that they have no pace.
	UnitInstances Unit = "instances"
)

// Progress is how far something has come.
type Progress struct {
	// Label names what is moving, e.g. "pg_dump" or "000049".
	Label string
	Done  int64
	// Total is zero when it is not known.
	Total int64
	Unit  Unit
	// Detail is what the server or program says it is doing, e.g. "building index, 40 %".
	Detail string
	// Took is how long it has run, where that is not since the first Progress of it.
	Took time.Duration
	// Left is how long it is expected to take yet, where that is known from elsewhere
	// than from its pace; zero when it is not.
	Left time.Duration
}

// Event is one thing that happened in a Run. Fields beyond Kind, Time and Run
// are set where they apply.
type Event struct {
	Kind     EventKind
	Time     time.Time
	Run      *Run
	Step     *Step
	Result   *Result
	Progress *Progress
	Text     string
}

// Sink receives the events of a Run, one at a time. Console, JSON lines and
// dashboard are three sinks of one stream. Emit must not block for long.
type Sink interface {
	Emit(Event)
}

// SinkFunc makes a function a Sink.
type SinkFunc func(Event)

// Emit calls f.
func (f SinkFunc) Emit(e Event) { f(e) }

// Discard is a Sink that keeps nothing.
var Discard Sink = SinkFunc(func(Event) {})

// Tee is a Sink that hands each event to every one of the sinks in turn.
func Tee(sinks ...Sink) Sink {
	return SinkFunc(func(e Event) {
		for _, s := range sinks {
			s.Emit(e)
		}
	})
}
