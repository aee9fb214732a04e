package runbook

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// LockPatience is how a change waits for the locks of tables in use.
type LockPatience struct {
	// Timeout is how long one try waits, and so how long others wait behind it;
	// zero means the engine's default.
	Timeout time.Duration
	// RetryFor is how long tries are repeated; zero means the engine's default.
	RetryFor time.Duration
	// CancelIdle ends sessions in the way that have been idle in transaction that
	// long; zero ends none.
	CancelIdle time.Duration
}

// MigrateOptions says how to take the database forward.
type MigrateOptions struct {
	// DryRun shows the plan, rehearses it where a clone can be had, and stops.
	DryRun bool
	// SQL shows the SQL of the plan as well.
	SQL bool
	// Target is the version to reach; nil means the release's last.
	Target *uint64
	// SkipBackup and SkipValidation leave these steps out; the report says so.
	SkipBackup, SkipValidation bool
	Rehearse                   RehearseOptions
	Locks                      LockPatience
}

// Migrate takes the database forward: lock, plan, preflight, backup, rehearse,
// confirm, recheck, apply, validate. Each step's value is an argument of a later one.
func Migrate(ctx context.Context, s *Session, o MigrateOptions) *ops.Run {
	if o.DryRun {
		return s.conduct(ctx, "migrate", func(ctx context.Context, f *flow) error {
			return f.planOnly(ctx, o)
		})
	}
	return s.conduct(ctx, "migrate", func(ctx context.Context, f *flow) error {
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
		survey, plan, err := f.planForward(ctx, o)
		if err != nil || plan.Nothing() {
			return err
		}
		noBackup := waiver(o.SkipBackup, "--skip-backup")
		if err := f.preflight(ctx, survey, plan, o, noBackup); err != nil {
			return err
		}
		if err := f.canHold(ctx, journey{plan: plan, state: survey.state}); err != nil {
			return err
		}
		saved, err := f.save(ctx, noBackup)
		if err != nil {
			return err
		}
		rehearsed, err := f.rehearse(ctx, forward(survey, plan, saved), o.Rehearse)
		if err != nil {
			return err
		}
		if err := f.confirm(ctx, changeQuestion(f, plan)); err != nil {
			return err
		}
		if err := f.recheck(ctx, survey, plan, rehearsed, o.Locks); err != nil {
			return err
		}
		if err := f.apply(ctx, plan, saved, rehearsed, o.Locks); err != nil {
			return err
		}
		undo := f.undo(plan, saved, rehearsed)
		f.run.Next = append(f.run.Next, undo)
		return f.validateAfter(ctx, o.SkipValidation, rehearsed, undo)
	})
}

// command is what takes the database there.
func (o MigrateOptions) command() string {
	if o.Target == nil {
		return "migrate"
	}
	return fmt.Sprintf("migrate --target %d", *o.Target)
}

// planOnly is the dry run: it changes nothing and takes no lock that blocks anyone.
func (f *flow) planOnly(ctx context.Context, o MigrateOptions) error {
	if err := f.mayRehearseDry(o.Rehearse, o.SkipBackup); err != nil {
		return err
	}
	survey, plan, err := f.planReadOnly(ctx, o)
	if err != nil || plan.Nothing() {
		return err
	}
	if o.SQL {
		if err := f.showSQL(ctx, plan); err != nil {
			return err
		}
	}
	if err := f.rehearseDry(ctx, forward(survey, plan, migrate.Backup{}), o.Rehearse); err != nil {
		return err
	}
	if n := len(survey.source.Problems); n > 0 {
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("Dry run: nothing was changed. %d problems with the files; see preflight.", n))
	} else {
		f.run.Conclusion = append(f.run.Conclusion, "Dry run: nothing was changed.")
	}
	f.run.Next = []string{f.invocation("preflight"), f.invocation(o.command())}
	return nil
}

// planReadOnly makes the plan over a connection that cannot change anything, for
// commands that leave no record of themselves either.
func (f *flow) planReadOnly(ctx context.Context, o MigrateOptions) (survey, *migrate.Plan, error) {
	f.recordTried = true
	if err := f.connect(ctx, true); err != nil {
		return survey{}, nil, err
	}
	return f.planForward(ctx, o)
}

// MigrateRehearse rehearses the way forward and does nothing else.
func MigrateRehearse(ctx context.Context, s *Session, o MigrateOptions) *ops.Run {
	return s.conduct(ctx, "migrate rehearse", func(ctx context.Context, f *flow) error {
		if err := f.rehearsable(); err != nil {
			return err
		}
		survey, plan, err := f.planReadOnly(ctx, o)
		if err != nil || plan.Nothing() {
			return err
		}
		return f.rehearseAlone(ctx, forward(survey, plan, migrate.Backup{}), o.Rehearse, f.invocation(o.command()))
	})
}

// planForward makes the plan and shows it.
func (f *flow) planForward(ctx context.Context, o MigrateOptions) (v survey, plan *migrate.Plan, err error) {
	err = f.step(ctx, "plan", func(ctx context.Context, s *ops.Step) error {
		if v, err = f.look(ctx); err != nil {
			return err
		}
		if plan, err = migrate.PlanUp(v.source, v.state, f.target(o.Target), f.Release.Owns); err != nil {
			return nothingChanged(err)
		}
		f.run.Data = MigrateData{PlanData: plan.Data()}
		recordPlan(s, plan, o.DryRun)
		return nil
	})
	if err == nil && plan.Nothing() {
		f.changing = false
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf(
			"There is nothing to do: the database is at %s, and migrate never goes down.", v.state))
		f.run.Next = append(f.run.Next, f.invocation("validate"))
	}
	return v, plan, err
}

// showSQL records the SQL of every file, as it will be sent.
func (f *flow) showSQL(ctx context.Context, plan *migrate.Plan) error {
	return f.step(ctx, "sql", func(_ context.Context, s *ops.Step) error {
		for _, file := range plan.Files {
			s.Record(finding("sql."+file.ID(), ops.Pass(file.FileName, ops.Fact{Value: file.Body})))
		}
		return nil
	})
}

func changeQuestion(f *flow, plan *migrate.Plan) ops.Question {
	return ops.Question{
		Lines: []string{fmt.Sprintf("This changes %s: %s, version %s → %s.",
			f.Config.Environment, f.Config.Target, version(plan.From), version(plan.To))},
		Word: "yes",
	}
}
