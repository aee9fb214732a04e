package runbook

import (
	"context"
	"errors"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/rollback"
	"github.com/jackc/pgx/v5"
)

// journey is a plan with its way back, and what stands around it.
type journey struct {
	plan *migrate.Plan
	// back leads back over the same versions; nil with noWayBack when there is none.
	back      *migrate.Plan
	noWayBack error
	state     migrate.State
	saved     migrate.Backup
	// look judges the clone once the plan ran there.
	look func(ctx context.Context, found *[]ops.Result, conn *pgx.Conn, before *pg.Snapshot) error
}

// at is the state of a database that a plan brought to version.
func (v survey) at(version int64) migrate.State {
	state := migrate.State{Schema: v.state.Schema, Table: true, Rows: 1, Version: version}
	if version < 0 {
		state.Rows = 0
	}
	return state
}

// forward is the way up, with the one down again. Of a file that goes on where an
// earlier run stopped there is no way back to the middle of it.
func forward(v survey, plan *migrate.Plan, saved migrate.Backup) journey {
	j := journey{plan: plan, state: v.state, saved: saved}
	switch {
	case plan.Resumes:
	case plan.From < 0:
		j.back, j.noWayBack = migrate.PlanDownToNone(v.source, v.at(plan.To), nil)
	default:
		j.back, j.noWayBack = migrate.PlanDown(v.source, v.at(plan.To), uint64(plan.From), nil)
	}
	return j
}

// backward is the way down, with the one up again. The clone must stand the proof that
// the database will have to.
func (f *flow) backward(v survey, plan *migrate.Plan, saved migrate.Backup) journey {
	j := journey{plan: plan, state: v.state, saved: saved}
	if !plan.Resumes {
		j.back, j.noWayBack = migrate.PlanUp(v.source, v.at(plan.To), uint64(plan.From), nil)
	}
	j.look = func(ctx context.Context, found *[]ops.Result, conn *pgx.Conn, before *pg.Snapshot) error {
		for _, check := range rollback.Prove(rollback.ProveInput{Conn: conn, Before: before, Plan: plan, Release: f.Release}) {
			r := check.Evaluate(ctx)
			if err := ctx.Err(); err != nil {
				return err
			}
			if r.Status == ops.StatusFail {
				*found = append(*found, finding("rehearse.proof", ops.Warn("on the clone: "+r.Summary, r.Fix, r.Evidence...)))
			}
		}
		return nil
	}
	return j
}

// rehearsable refuses to rehearse alone where the settings turn rehearsals off.
func (f *flow) rehearsable() error {
	if f.Config.Rehearsal.Mode == config.RehearseOff {
		return unusable("there is nothing to do: the rehearsal is turned off", "--rehearse schema, or --rehearse data")
	}
	return nil
}

// rehearseAlone rehearses and stops. Rows for the clone come from a backup, which is
// taken for it.
func (f *flow) rehearseAlone(ctx context.Context, j journey, o RehearseOptions, next string) error {
	if err := f.canHold(ctx, j); err != nil {
		return err
	}
	if err := f.fill(ctx, &j); err != nil {
		return err
	}
	if _, err := f.rehearse(ctx, j, o); err != nil {
		return err
	}
	f.run.Conclusion = append(f.run.Conclusion, "Rehearsed: nothing was changed.")
	f.run.Next = append(f.run.Next, next)
	return nil
}

// rehearseDry rehearses as part of a dry run, where a clone can be had.
func (f *flow) rehearseDry(ctx context.Context, j journey, o RehearseOptions) error {
	why := ""
	switch {
	case o.Skip:
		why = "--no-rehearse"
	case f.Config.Rehearsal.Mode == config.RehearseOff:
		why = "turned off by " + f.Config.Rehearsal.Source
	}
	if why != "" {
		return f.step(ctx, "rehearse", func(_ context.Context, s *ops.Step) error {
			s.Record(finding("rehearse", ops.Skip("not rehearsed: "+why)))
			return nil
		})
	}
	held := f.canHold(ctx, j)
	if held == nil {
		if err := f.fill(ctx, &j); err != nil {
			return err
		}
	}
	return f.step(ctx, "rehearse", func(ctx context.Context, s *ops.Step) error {
		err := held
		if err == nil {
			_, err = f.onClone(ctx, s, j, o)
		}
		var none *noCloneError
		if !errors.As(err, &none) {
			return err
		}
		failure := ops.AsFailure(err)
		r := ops.Warn("not rehearsed: "+failure.What, "")
		for _, line := range failure.Detail {
			r.Evidence = append(r.Evidence, ops.Fact{Value: line})
		}
		r.Fix = strings.Join(failure.Next, "\n")
		s.Record(finding("rehearse", r))
		return nil
	})
}

// fill takes the backup that a clone with rows is made of, where there is none yet.
func (f *flow) fill(ctx context.Context, j *journey) error {
	if f.Config.Rehearsal.Mode != config.RehearseData {
		return nil
	}
	ref, err := f.dump(ctx)
	j.saved = migrate.Backup{Path: ref.Path, SHA256: ref.Manifest.SHA256}
	return err
}
