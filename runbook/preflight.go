package runbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/preflight"
)

// PreflightOptions say of which migration the question is.
type PreflightOptions struct {
	// AllowIrreversible: it may go on without a way back.
	AllowIrreversible bool
}

// Preflight answers whether the migration may proceed. It changes nothing; a
// database that cannot be reached is one of its findings.
func Preflight(ctx context.Context, s *Session, o PreflightOptions) *ops.Run {
	return s.conduct(ctx, "preflight", func(ctx context.Context, f *flow) error {
		connErr := f.connect(ctx, false)
		if err := ctx.Err(); err != nil {
			return err
		}
		in := f.preflightInput(ctx)
		in.ConnErr, in.AllowIrreversible = connErr, o.AllowIrreversible
		if err := f.checkByGroup(ctx, preflight.Checks(in)); err != nil {
			return err
		}
		f.concludePreflight()
		return nil
	})
}

// preflightInput gathers what preflight looks at. What cannot be had becomes a
// finding of the check it belongs to.
func (f *flow) preflightInput(ctx context.Context) preflight.Input {
	v, err := f.look(ctx)
	in := f.inputOf(ctx, v)
	in.NoRehearsal = "there is no plan to rehearse"
	if v.source == nil {
		in.SourceErr = err
		return in
	}
	in.StateErr = err
	if err != nil || f.conn == nil {
		return in
	}
	plan, err := migrate.PlanUp(v.source, v.state, f.Release.Target, f.Release.Owns)
	if err != nil {
		in.PlanErr = err
		return in
	}
	in.Plan = f.planOf(plan)
	switch {
	case f.Config.Rehearsal.Mode == config.RehearseOff:
		in.NoRehearsal = "the rehearsal is off"
		return in
	case len(plan.Files) == 0:
		in.NoRehearsal = "there is nothing to rehearse"
		return in
	}
	in.NoRehearsal = ""
	in.CanRehearse = func(ctx context.Context) error {
		return f.canHold(ctx, journey{plan: plan, state: v.state})
	}
	return in
}

// preflight runs the checks as a step of a change; a failure stops it.
func (f *flow) preflight(ctx context.Context, v survey, plan *migrate.Plan, o MigrateOptions, backupWaived string) error {
	in := f.inputOf(ctx, v)
	in.Plan = f.planOf(plan)
	in.NoRehearsal = "asked right before the backup"
	in.BackupWaived, in.AllowIrreversible, in.CancelIdle = backupWaived, o.Rehearse.AllowIrreversible, o.Locks.CancelIdle
	err := f.step(ctx, "preflight", func(ctx context.Context, s *ops.Step) error {
		return f.check(ctx, s, preflight.Checks(in))
	})
	if err != nil {
		return err
	}
	if failed := f.failedChecks(); len(failed) > 0 {
		return &ops.Failure{
			Code:  ops.ExitChecks,
			What:  "Pre-flight checks failed!",
			State: []string{"nothing was changed"},
			Next:  []string{fmt.Sprintf("fix %s, then the same command again", strings.Join(failed, ", "))},
		}
	}
	return nil
}

// inputOf is what both ways of asking have in common.
func (f *flow) inputOf(ctx context.Context, v survey) preflight.Input {
	in := preflight.Input{
		Environment: f.Config.Environment,
		Target:      f.Config.Target,
		Config:      f.Config,
		Conn:        f.conn,
		Server:      f.server,
		Release:     f.Release,
		Source:      f.MigrationsFrom,
		Known:       v.known,
		BackupDir:   f.Config.BackupDir,
		State: preflight.State{
			Schema: v.state.Schema, Table: v.state.Table, Rows: v.state.Rows,
			Version: v.state.Version, Dirty: v.state.Dirty,
		},
	}
	if u := v.state.Unfinished; u != nil {
		in.State.Resumable = fmt.Sprintf("%d statements of the %s file of %06d are done", len(u.Statements), u.Direction, u.Version)
	}
	if v.source != nil {
		in.Versions, in.Names = v.source.Versions(), map[uint64]string{}
		for _, version := range in.Versions {
			if up, ok := v.source.Up(version); ok {
				in.Names[version] = up.FileName
			}
		}
		for _, p := range v.source.Problems {
			in.Files = append(in.Files, preflight.FileProblem{ID: p.ID, File: p.File, Line: p.Line, Text: p.Text, Fix: p.Fix, OfWayBack: p.OfWayBack()})
		}
	}
	if f.lock != nil {
		in.OwnPIDs = append(in.OwnPIDs, int(f.lock.PID()))
	}
	if f.record != nil {
		in.OwnPIDs = append(in.OwnPIDs, int(f.record.conn.PgConn().PID()))
	}
	in.Programs, in.ProgramsErr = f.programs(ctx)
	return in
}

// programs finds the pg_dump and psql that fit the server.
func (f *flow) programs(ctx context.Context) (pg.Programs, error) {
	return pg.FindPrograms(ctx, pg.ProgramOptions{
		ServerMajor: f.server.Major(),
		Dir:         f.Config.PgPrograms,
		PathEnv:     f.SearchPath,
		Environ:     f.Environ,
	})
}

// planOf is the plan in preflight's own words.
func (f *flow) planOf(p *migrate.Plan) preflight.Plan {
	before := *p
	before.Files = nil
	for _, file := range p.Files {
		if file.Version < f.Release.First() {
			before.Files = append(before.Files, file)
		}
	}
	return preflight.Plan{
		From: p.From, To: p.To, Files: len(p.Files),
		Touches: touchesOf(p.Touches()),
		Before:  touchesOf(before.Touches()),
	}
}

func touchesOf(t migrate.Touched) preflight.Touches {
	touches := preflight.Touches{
		Created: tablesOf(t.Created), Altered: tablesOf(t.Altered),
		Dropped: tablesOf(t.Dropped), Referenced: tablesOf(t.Referenced),
		Extensions: t.Extensions, Roles: t.Roles,
	}
	for _, o := range t.Opaque {
		touches.Opaque = append(touches.Opaque, o.String())
	}
	return touches
}

func tablesOf(tables []migrate.Table) []preflight.Table {
	var out []preflight.Table
	for _, t := range tables {
		out = append(out, preflight.Table{Schema: t.Schema, Name: t.Name})
	}
	return out
}

func (f *flow) concludePreflight() {
	counts := ops.Count(f.run.Results())
	switch {
	case counts.Fail > 0:
		f.run.Conclusion = []string{"Pre-flight checks failed!"}
		f.run.Next = []string{fmt.Sprintf("fix %s, then: %s", strings.Join(f.failedChecks(), ", "), f.invocation("preflight"))}
	case counts.Warn > 0:
		f.run.Conclusion = []string{"Pre-flight checks passed with warnings.", f.Release.Messages.Proceed}
		f.run.Next = []string{f.invocation("migrate --dry-run")}
	default:
		f.run.Conclusion = []string{"All pre-flight checks passed!", f.Release.Messages.Proceed}
		f.run.Next = []string{f.invocation("migrate --dry-run")}
	}
}

// failedChecks names the checks that failed, in the order they ran.
func (f *flow) failedChecks() []string {
	var ids []string
	for _, r := range f.run.Results() {
		if r.Status == ops.StatusFail {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// checkByGroup runs checks as steps named for their groups: a checklist.
func (f *flow) checkByGroup(ctx context.Context, checks []ops.Check) error {
	for len(checks) > 0 {
		n := 1
		for n < len(checks) && checks[n].Group == checks[0].Group {
			n++
		}
		group := checks[:n]
		checks = checks[n:]
		if err := f.step(ctx, group[0].Group, func(ctx context.Context, s *ops.Step) error {
			return f.check(ctx, s, group)
		}); err != nil {
			return err
		}
	}
	return nil
}
