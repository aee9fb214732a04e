package runbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/clipper/clipperops/reports"
	"github.com/jackc/pgx/v5/pgconn"
)

// apply carries out the plan. What stands behind it, the backup and the
// rehearsal, are arguments: it cannot be called without them.
func (f *flow) apply(ctx context.Context, plan *migrate.Plan, saved migrate.Backup, r rehearsed, locks LockPatience) error {
	return f.step(ctx, "apply", func(ctx context.Context, s *ops.Step) error {
		f.touched = true
		o := f.applyOptions(s, locks)
		applied, err := migrate.Apply(ctx, f.Config.Target, plan, saved, r.proof, o)
		recordNotes(s, applied)
		f.record.reached(ctx, f.run.ID, f, applied.State.Version)
		return r.withRows(err, "migrate rehearse --rehearse data")
	})
}

// withRows adds to a failure that only rows can cause how a rehearsal would have found it:
// the clone had none.
func (r rehearsed) withRows(err error, command string) error {
	var answer *pgconn.PgError
	if r.outcome == nil || r.outcome.Mode == rehearsal.WithData || !errors.As(err, &answer) {
		return err
	}
	if class := answer.Code[:min(2, len(answer.Code))]; class != "22" && class != "23" { // data exception, integrity constraint violation
		return err
	}
	failure := *ops.AsFailure(err)
	failure.Next = append(slices.Clone(failure.Next), "before that, try it with the rows: clipperops "+command)
	failure.Err = err
	return &failure
}

// applyOptions connects the engine to the step, the ledger and the lock.
func (f *flow) applyOptions(s *ops.Step, locks LockPatience) migrate.ApplyOptions {
	o := migrate.ApplyOptions{
		LockTimeout: locks.Timeout,
		RetryFor:    locks.RetryFor,

		CancelIdleBlockers: locks.CancelIdle,

		Application: f.application(f.run.Command),
		LockLost:    f.lock.Lost(),
		OnEvent:     func(e migrate.Event) { showApplying(s, e) },
	}
	if f.record != nil {
		o.Ledger = migrate.RecordIn(f.record.ledger, f.run.ID)
	}
	return o
}

// showApplying turns what the engine reports into what the operator sees.
func showApplying(s *ops.Step, e migrate.Event) {
	switch e.Kind {
	case migrate.FileDone:
		r := finding("apply."+e.File.ID(), ops.Pass(e.File.ID()+" "+e.File.Name))
		if e.Attempt > 1 {
			r.Summary += fmt.Sprintf(" (%s try)", ordinal(e.Attempt))
		}
		r.Took = max(e.Took, time.Nanosecond)
		s.Record(r)
	case migrate.Running:
		s.Progress(running(e))
	case migrate.FileStarted:
		s.Progress(ops.Progress{Label: e.File.ID(), Done: int64(e.Index), Total: int64(e.Of), Unit: ops.UnitFiles, Detail: e.File.Name})
	case migrate.Waiting, migrate.Retrying, migrate.Ended, migrate.Note, migrate.StatementDone:
		s.Note(e.Text)
	}
}

// running is how far a long statement is: what the server says of its phase, and what
// the rehearsal expects of its time.
func running(e migrate.Event) ops.Progress {
	p := ops.Progress{Label: e.File.ID(), Done: e.Done, Total: e.Total, Unit: e.Unit, Took: e.Took, Left: e.Left}
	switch {
	case e.Phase != "":
		p.Detail = strings.TrimPrefix(e.Phase, "building index: ")
	case e.Wait != "":
		p.Detail = "waits for " + e.Wait
	}
	if n := len(e.File.Statements); e.Statement >= 0 && n > 1 {
		p.Detail = strings.TrimSuffix(fmt.Sprintf("%d of %d: %s", e.Statement+1, n, p.Detail), ": ")
	}
	if e.Expected > 0 && e.Left == 0 {
		p.Detail = strings.TrimPrefix(p.Detail+", "+reports.Duration(e.Expected)+" were expected", ", ")
	}
	return p
}

// recordNotes keeps in the report what the engine wants to be known.
func recordNotes(s *ops.Step, applied *migrate.Applied) {
	if applied == nil {
		return
	}
	for _, h := range applied.Ended {
		s.Record(finding("apply.ended", ops.Warn("ended a session that was idle in transaction and in the way: "+h.String(), "find out why it left a transaction open")))
	}
	for _, note := range applied.Notes {
		s.Record(finding("apply.note", ops.Warn(note, "")))
	}
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
