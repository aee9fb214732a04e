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
}

// MigrateOptions says how to take the database forward.
type MigrateOptions struct {
	// DryRun shows the plan and stops.
	DryRun bool
	// SQL shows the SQL of the plan as well.
	SQL bool
	// Target is the version to reach; nil means the release's last.
	Target *uint64
	// SkipBackup and SkipValidation leave these steps out; the report says so.
	SkipBackup, SkipValidation bool
	Locks                      LockPatience
}

// Migrate takes the database forward: lock, plan, preflight, backup, confirm,
// apply, validate. Each step's value is an argument of a later one.
func Migrate(ctx context.Context, s *Session, o MigrateOptions) *ops.Run {
	if o.DryRun {
		return s.conduct(ctx, "migrate", func(ctx context.Context, f *flow) error {
			return f.planOnly(ctx, o)
		})
	}
	return s.conduct(ctx, "migrate", func(ctx context.Context, f *flow) error {
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
		if err := f.preflight(ctx, survey, plan, noBackup); err != nil {
			return err
		}
		saved, err := f.save(ctx, noBackup)
		if err != nil {
			return err
		}
		rehearsal, err := f.rehearse(ctx)
		if err != nil {
			return err
		}
		if err := f.confirm(ctx, changeQuestion(f, plan)); err != nil {
			return err
		}
		if err := f.apply(ctx, plan, saved, rehearsal, o.Locks); err != nil {
			return err
		}
		undo := "undo with: " + f.invocation(wayBack(plan))
		f.run.Next = append(f.run.Next, undo)
		return f.validateAfter(ctx, o.SkipValidation, undo)
	})
}

// planOnly is the dry run: it changes nothing and takes no lock that blocks anyone.
func (f *flow) planOnly(ctx context.Context, o MigrateOptions) error {
	if err := f.connect(ctx, true); err != nil {
		return err
	}
	survey, plan, err := f.planForward(ctx, o)
	if err != nil || plan.Nothing() {
		return err
	}
	if o.SQL {
		if err := f.showSQL(ctx, plan); err != nil {
			return err
		}
	}
	if n := len(survey.source.Problems); n > 0 {
		f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("Dry run: nothing was changed. %d problems with the files; see preflight.", n))
	} else {
		f.run.Conclusion = append(f.run.Conclusion, "Dry run: nothing was changed.")
	}
	f.run.Next = []string{f.invocation("preflight"), f.invocation("migrate")}
	return nil
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
		f.run.Data = plan
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

// wayBack is the command that undoes the plan.
func wayBack(plan *migrate.Plan) string {
	command := "rollback --target " + version(plan.From)
	if len(plan.Foreign()) > 0 {
		command += " --allow-foreign"
	}
	return command
}

func changeQuestion(f *flow, plan *migrate.Plan) ops.Question {
	return ops.Question{
		Lines: []string{fmt.Sprintf("This changes %s: %s, version %s → %s.",
			f.Config.Environment, f.Config.Target, version(plan.From), version(plan.To))},
		Word: "yes",
	}
}
