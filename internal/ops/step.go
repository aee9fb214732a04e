package ops

import (
	"context"
	"time"
)

// Step is one room of a Run: "backup", "rehearse", "apply".
type Step struct {
	Name    string
	Results []Result
	Err     error
	Started time.Time
	Took    time.Duration

	run *Run
}

// Status derives the step's status: StatusFail with an error, else the worst of
// its results; a step without results and without error passed.
func (s *Step) Status() Status {
	if s.Err != nil {
		return StatusFail
	}
	if len(s.Results) == 0 {
		return StatusPass
	}
	statuses := make([]Status, len(s.Results))
	for i, r := range s.Results {
		statuses[i] = r.Status
	}
	return Worst(statuses...)
}

// Failed reports whether any result of the step failed.
func (s *Step) Failed() bool { return Count(s.Results).Fail > 0 }

// Record adds a result to the step and tells the sink.
func (s *Step) Record(r Result) {
	s.run.mu.Lock()
	s.Results = append(s.Results, r)
	s.run.mu.Unlock()
	s.run.emit(Event{Kind: EventResult, Step: s, Result: &r})
}

// Check evaluates the checks in order and records their results. It stops
// early, with the context's error, when ctx is done.
func (s *Step) Check(ctx context.Context, checks []Check) error {
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := c.Evaluate(ctx)
		if err := ctx.Err(); err != nil {
			return err // what a check says of a cancelled question is no finding
		}
		s.Record(r)
	}
	return nil
}

// Progress tells the sink how far the step has come.
func (s *Step) Progress(p Progress) {
	s.run.emit(Event{Kind: EventProgress, Step: s, Progress: &p})
}

// Note tells the sink one line that belongs to no result: what is being waited
// for, who blocks. It is not stored.
func (s *Step) Note(text string) {
	s.run.emit(Event{Kind: EventNote, Step: s, Text: text})
}
