package ops

import (
	"context"
	"sync"
	"time"
)

// Artifact is a file a Run left behind.
type Artifact struct {
	// Kind is "backup", "archive", "report", or "schema" for the rehearsed one.
	Kind   string
	Path   string
	SHA256 string
	Bytes  int64
}

// Header is what is known of a Run before it begins.
type Header struct {
	// ID is a ULID: unique, and sorted by time.
	ID          string
	Command     string
	Environment string
	// Release names what is shipped and the versions it spans, e.g. "moderation".
	Release string
	// Database is the target, redacted.
	Database string
	Operator string
	Host     string
	// Version is that of clipperops.
	Version string
}

// Run is one command from beginning to end: what the ledger stores and the
// reports render. Outcome, exit code and counts are derived, never kept.
type Run struct {
	Header
	Started   time.Time
	Took      time.Duration
	Steps     []*Step
	Artifacts []Artifact
	// Data is what is particular to the command: the plan, the loss, the rows.
	Data any
	// Conclusion is the last word to the operator, a sentence a line.
	Conclusion []string
	// Next lists the commands that make sense now.
	Next []string
	// Err is why the run did not succeed, nil when it did.
	Err error

	mu   sync.Mutex
	sink Sink
	now  func() time.Time
}

// Begin opens a Run and tells the sink. A nil sink discards, a nil clock is time.Now.
func Begin(h Header, sink Sink, now func() time.Time) *Run {
	if sink == nil {
		sink = Discard
	}
	if now == nil {
		now = time.Now
	}
	r := &Run{Header: h, sink: sink, now: now, Started: now().UTC()}
	r.emit(Event{Kind: EventRunStarted})
	return r
}

// Do runs body as the step of that name, records its error and duration and
// returns the error.
func (r *Run) Do(ctx context.Context, name string, body func(context.Context, *Step) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &Step{Name: name, Started: r.now().UTC(), run: r}
	r.mu.Lock()
	r.Steps = append(r.Steps, s)
	r.mu.Unlock()
	r.emit(Event{Kind: EventStepStarted, Step: s})
	s.Err = body(ctx, s)
	s.Took = r.now().Sub(s.Started)
	r.emit(Event{Kind: EventStepEnded, Step: s})
	return s.Err
}

// Finish closes the run with the error that ended it, nil for none. Reports and
// the ledger are written between Finish and Announce, so that the last word can
// say where they are.
func (r *Run) Finish(err error) {
	r.Err = err
	r.Took = r.now().Sub(r.Started)
}

// Announce tells the sink that the run has ended.
func (r *Run) Announce() {
	r.emit(Event{Kind: EventRunEnded})
}

// Attach notes a file the run leaves behind.
func (r *Run) Attach(a Artifact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Artifacts = append(r.Artifacts, a)
}

// Results returns the results of every step, in order.
func (r *Run) Results() []Result {
	var all []Result
	for _, s := range r.Steps {
		all = append(all, s.Results...)
	}
	return all
}

// ExitCode derives the exit code: that of the error, else ExitChecks when any
// result failed, else ExitDone.
func (r *Run) ExitCode() ExitCode {
	if r.Err != nil {
		return AsFailure(r.Err).Code
	}
	if Count(r.Results()).Fail > 0 {
		return ExitChecks
	}
	return ExitDone
}

// Outcome derives the verdict of the run.
func (r *Run) Outcome() Outcome {
	code := r.ExitCode()
	if code == ExitDone && Count(r.Results()).Warn > 0 {
		return OutcomeWarn
	}
	return code.Outcome()
}

func (r *Run) emit(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time, e.Run = r.now().UTC(), r
	r.sink.Emit(e)
}
