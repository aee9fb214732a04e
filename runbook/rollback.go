package runbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollback"
)

// RollbackOptions says how to take the database back.
type RollbackOptions struct {
	// Target is the version to go back to.
	Target uint64
	// DryRun shows what would be reverted and lost, and stops.
	DryRun bool
	// SkipBackup leaves out the full backup; the archive is always made.
	SkipBackup bool
	// AllowForeign also reverts files that are not the release's.
	AllowForeign bool
	// RehearseOnly rehearses the way back and does nothing else.
	RehearseOnly bool
	Rehearse     RehearseOptions
	Locks        LockPatience
}

// Rollback takes the database back: lock, plan with what would be lost, backup,
// rehearse, archive, confirm, recheck, revert, prove. Nothing is dropped that is not in
// the archive.
func Rollback(ctx context.Context, s *Session, o RollbackOptions) *ops.Run {
	if o.DryRun || o.RehearseOnly {
		return s.conduct(ctx, "rollback", func(ctx context.Context, f *flow) error {
			return f.rollbackOnly(ctx, o)
		})
	}
	return s.conduct(ctx, "rollback", func(ctx context.Context, f *flow) error {
		if err := f.mayRehearse(o.Rehearse, o.SkipBackup); err != nil {
			return err
		}
		if err := f.answerable(); err != nil {
			return err
		}
		f.changing = true
		if err := f.takeLock(ctx); err != nil {
			return err
		}
		if err := f.connect(ctx, false); err != nil {
			return err
		}
		survey, plan, loss, err := f.planBack(ctx, o)
		if err != nil || plan.Nothing() {
			return err
		}
		if err := f.canHold(ctx, journey{plan: plan, state: survey.state}); err != nil {
			return err
		}
		saved, err := f.save(ctx, waiver(o.SkipBackup, "--skip-backup; the archive holds every row that goes"))
		if err != nil {
			return err
		}
		rehearsed, err := f.rehearse(ctx, f.backward(survey, plan, saved), o.Rehearse)
		if err != nil {
			return err
		}
		archive, err := f.archive(ctx, plan)
		if err != nil {
			return err
		}
		if err := f.confirm(ctx, rollbackQuestion(f, plan, loss)); err != nil {
			return err
		}
		if err := f.recheck(ctx, survey, plan, rehearsed, o.Locks); err != nil {
			return err
		}
		before, err := f.snapshot(ctx)
		if err != nil {
			return err
		}
		late, err := f.revert(ctx, plan, archive, saved, rehearsed, o.Locks)
		if err != nil {
			return err
		}
		return f.prove(ctx, rehearsed, rollback.ProveInput{
			Before: before, Plan: plan, Release: f.Release, Archive: archive, Late: late,
		})
	})
}

// rollbackOnly is the dry run, or the rehearsal alone: neither changes anything.
func (f *flow) rollbackOnly(ctx context.Context, o RollbackOptions) error {
	if o.RehearseOnly {
		if err := f.rehearsable(); err != nil {
			return err
		}
	} else if err := f.mayRehearseDry(o.Rehearse, o.SkipBackup); err != nil {
		return err
	}
	f.recordTried = true
	if err := f.connect(ctx, true); err != nil {
		return err
	}
	survey, plan, _, err := f.planBack(ctx, o)
	if err != nil || plan.Nothing() {
		return err
	}
	there := f.invocation(fmt.Sprintf("rollback --target %d", o.Target))
	if o.RehearseOnly {
		return f.rehearseAlone(ctx, f.backward(survey, plan, migrate.Backup{}), o.Rehearse, there)
	}
	if err := f.rehearseDry(ctx, f.backward(survey, plan, migrate.Backup{}), o.Rehearse); err != nil {
		return err
	}
	f.run.Conclusion = append(f.run.Conclusion, "Dry run: nothing was changed.")
	f.run.Next = []string{there}
	return nil
}

// planBack makes the plan and counts what it would take away.
func (f *flow) planBack(ctx context.Context, o RollbackOptions) (v survey, plan *migrate.Plan, loss rollback.Loss, err error) {
	err = f.step(ctx, "plan", func(ctx context.Context, s *ops.Step) error {
		if v, err = f.look(ctx); err != nil {
			return err
		}
		if plan, err = rollback.Plan(v.source, v.state, o.Target, f.Release, o.AllowForeign); err != nil {
			return nothingChanged(err)
		}
		if loss, err = rollback.PlanLoss(ctx, f.conn, plan); err != nil {
			return nothingChanged(err)
		}
		f.run.Data = RollbackData{Plan: plan, Loss: loss}
		recordPlan(s, plan, o.DryRun)
		if !plan.Nothing() {
			s.Record(finding("plan.loss", lossResult(loss, o.DryRun)))
		}
		return nil
	})
	if err == nil && plan.Nothing() {
		f.changing = false
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("There is nothing to do: the database is at version %d already.", o.Target))
	}
	return v, plan, loss, err
}

// lossResult says what goes, table by table. A dry run saves nothing, so there it
// is a warning.
func lossResult(l rollback.Loss, dryRun bool) ops.Result {
	what := fmt.Sprintf("%s rows in %s", reports.Count(l.Rows()), counted(len(l.Tables), "table", "tables"))
	if n := len(l.Columns); n > 0 {
		what += ", values in " + counted(n, "column", "columns")
	}
	var r ops.Result
	switch {
	case l.Nothing():
		r = ops.Pass("no rows or values go")
	case dryRun:
		r = ops.Warn("would be lost: "+what, "the rollback itself archives every one of them before it drops anything")
	default:
		r = ops.Pass("to be archived, then dropped: " + what)
	}
	for _, t := range l.Tables {
		r.Evidence = append(r.Evidence, ops.Fact{Name: t.String(), Value: fmt.Sprintf("%s rows, %s", reports.Count(t.Rows), reports.Bytes(t.Bytes))})
	}
	for _, c := range l.Columns {
		r.Evidence = append(r.Evidence, ops.Fact{Name: c.Table.String() + "." + c.Column, Value: fmt.Sprintf("%s values", reports.Count(c.NonNull))})
	}
	for _, t := range l.Altered {
		r.Evidence = append(r.Evidence, ops.Fact{Name: t.String(), Value: "stays, altered"})
	}
	for _, d := range l.Dependents {
		r.Evidence = append(r.Evidence, ops.Fact{Name: "in the way", Value: d.String()})
	}
	for _, statement := range l.Opaque {
		r.Evidence = append(r.Evidence, ops.Fact{Name: "cannot be told beforehand", Value: statement})
	}
	return r
}

// archive saves every row of every table that goes or changes.
func (f *flow) archive(ctx context.Context, plan *migrate.Plan) (ref rollback.ArchiveRef, err error) {
	err = f.step(ctx, "archive", func(ctx context.Context, s *ops.Step) error {
		ref, err = rollback.Archive(ctx, rollback.ArchiveOptions{
			Target:      f.Config.Target,
			Plan:        plan,
			Dir:         f.Config.BackupDir,
			Application: f.application("rollback"),
			Run:         f.run.ID,
			Operator:    f.Operator,
			Tool:        "clipperops " + f.Version,
			Now:         f.Now,
			Progress:    s.Progress,
		})
		if err != nil {
			return nothingChanged(err)
		}
		f.recordArchive(s, "archive", ref)
		return nil
	})
	return ref, err
}

func (f *flow) recordArchive(s *ops.Step, id string, ref rollback.ArchiveRef) {
	f.run.Attach(ops.Artifact{Kind: "archive", Path: ref.Path, SHA256: ref.SHA256, Bytes: ref.Bytes})
	s.Record(finding(id, ops.Pass(fmt.Sprintf("%s rows, %s, sha256 %s…, proven readable",
		reports.Count(ref.Rows()), reports.Bytes(ref.Bytes), ref.SHA256[:shownDigest]))))
}

// revert runs the down files, saving rows that came after the archive was made.
func (f *flow) revert(ctx context.Context, plan *migrate.Plan, archive rollback.ArchiveRef, saved migrate.Backup,
	r rehearsed, locks LockPatience,
) (late []rollback.ArchiveRef, err error) {
	err = f.step(ctx, "revert", func(ctx context.Context, s *ops.Step) error {
		f.touched = true
		applied, err := rollback.Apply(ctx, f.Config.Target, plan, archive, saved, r.proof, rollback.ApplyOptions{
			Engine:   f.applyOptions(s, locks),
			OnLate:   func(ref rollback.ArchiveRef) { s.Note("saving rows that were written since: " + ref.String()) },
			Progress: s.Progress,
			Now:      f.Now,
		})
		recordNotes(s, applied.Applied)
		late = applied.Late
		for _, ref := range late {
			f.recordArchive(s, "archive.late", ref)
		}
		f.record.reached(ctx, f.run.ID, f, applied.State.Version)
		return r.withRows(err, fmt.Sprintf("rollback --target %d --rehearse-only --rehearse data", plan.To))
	})
	return late, err
}

// prove shows that the rollback did what it was to do and nothing else.
func (f *flow) prove(ctx context.Context, r rehearsed, in rollback.ProveInput) error {
	f.run.Next = append(f.run.Next, f.forwardAgain(in.Plan, r))
	err := f.step(ctx, "prove", func(ctx context.Context, s *ops.Step) error {
		if err := f.reconnect(ctx); err != nil {
			return err
		}
		in.Conn = f.conn
		return f.check(ctx, s, append(rollback.Prove(in), f.asRehearsed(r, "rollback.rehearsed")...))
	})
	if err != nil {
		return err
	}
	if len(f.failedChecks()) > 0 {
		return &ops.Failure{
			Code:  ops.ExitChecks,
			What:  "The rollback is done, and not everything is as it should be!",
			State: f.state(ctx),
			Next:  append(f.notAsRehearsed(r, "rollback.rehearsed"), "read the failed checks above, then: "+f.invocation("migrate status")),
		}
	}
	f.run.Conclusion = append(f.run.Conclusion,
		fmt.Sprintf("Rolled back to version %d.", in.Plan.To),
		"Nothing is lost: every row that went is in "+strings.Join(archivePaths(in), " and "))
	return nil
}

// archivePaths are the archive and those of rows that came late.
func archivePaths(in rollback.ProveInput) []string {
	paths := []string{in.Archive.Path}
	for _, late := range in.Late {
		paths = append(paths, fmt.Sprintf("%s (%s written since)", late.Path, counted(int(late.Rows()), "row", "rows")))
	}
	return paths
}

func rollbackQuestion(f *flow, plan *migrate.Plan, loss rollback.Loss) ops.Question {
	return ops.Question{
		Lines: []string{
			fmt.Sprintf("This takes %s back: %s, version %s → %s.", f.Config.Environment, f.Config.Target, version(plan.From), version(plan.To)),
			fmt.Sprintf("%s rows in %s go; they are archived.", reports.Count(loss.Rows()), counted(len(loss.Tables), "table", "tables")),
		},
		Word: "ROLLBACK",
	}
}
