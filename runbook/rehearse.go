package runbook

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/jackc/pgx/v5"
)

// RehearseOptions says what an operator wants of the rehearsal; how and where it is
// made the settings say.
type RehearseOptions struct {
	// Reason is why there is none, where the settings turn it off.
	Reason string
	// Skip leaves it out of a dry run.
	Skip bool
	// AllowIrreversible lets a change go on whose way back fails or leads elsewhere.
	AllowIrreversible bool
}

// mayRehearse refuses, before anything is begun, settings of a rehearsal that the
// environment does not allow or that lead nowhere.
func (f *flow) mayRehearse(o RehearseOptions, skipBackup bool) error {
	r := f.Config.Rehearsal
	switch {
	case r.Mode == config.RehearseData && skipBackup:
		return unusable("--rehearse data restores the backup, and --skip-backup takes none", "leave out one of them")
	case r.Mode != config.RehearseOff && o.Reason != "":
		return unusable("--reason goes with --rehearse off", "leave it out")
	case r.Mode != config.RehearseOff:
		return nil
	case o.Reason == "":
		return unusable("a change that is not rehearsed needs a reason, which is recorded", `--rehearse off --reason "…"`)
	case f.Config.Environment == config.Production && !r.MayBeOff:
		return &ops.Failure{
			Code:  ops.ExitRefused,
			What:  "production is not changed without a rehearsal",
			State: []string{"nothing was touched"},
			Next: []string{
				"rehearse it elsewhere: --rehearse-on local, --rehearse-on same, or --rehearse-on URL",
				"or allow it in clipperops.yaml: environments.production.rehearse.allow_off: true",
			},
		}
	}
	return nil
}

// mayRehearseDry refuses a dry run what the change itself would be refused, unless it
// was told to leave the rehearsal out.
func (f *flow) mayRehearseDry(o RehearseOptions, skipBackup bool) error {
	if o.Skip {
		return nil
	}
	return f.mayRehearse(o, skipBackup)
}

func unusable(what, next string) error {
	return &ops.Failure{Code: ops.ExitUsage, What: what, State: []string{"nothing was touched"}, Next: []string{next}}
}

// rehearse runs the plan on a clone of the database, there and back, and refuses the
// change when it cannot succeed there or cannot be undone.
func (f *flow) rehearse(ctx context.Context, j journey, o RehearseOptions) (rehearsed, error) {
	var r rehearsed
	if f.Config.Rehearsal.Mode == config.RehearseOff {
		r.proof.Waived = o.Reason
		return r, f.step(ctx, "rehearse", func(_ context.Context, s *ops.Step) error {
			s.Record(finding("rehearse", ops.Skip("not rehearsed: "+o.Reason)))
			return nil
		})
	}
	err := f.step(ctx, "rehearse", func(ctx context.Context, s *ops.Step) (err error) {
		r, err = f.onClone(ctx, s, j, o)
		return err
	})
	return r, err
}

// onClone makes the clone, runs the plan there, and records what was found.
func (f *flow) onClone(ctx context.Context, s *ops.Step, j journey, o RehearseOptions) (r rehearsed, err error) {
	if r.before, err = f.snapshot(ctx); err != nil {
		return r, err
	}
	sizes, err := rehearsal.ReadSizes(ctx, f.conn)
	if err != nil {
		return r, nothingChanged(err)
	}
	var found []ops.Result
	clone, err := f.clone(ctx, s, f.cloneRequest(s, j, &found))
	if err != nil {
		return r, err
	}
	defer f.drop(ctx, s, clone)
	in := rehearsal.Input{
		Clone: clone.Target, Plan: j.plan, Back: j.back, NoWayBack: j.noWayBack, Again: j.plan.Direction == migrate.Up,
		Mode: f.rehearsalMode(), Place: clone.Place, Sizes: sizes, Application: f.application("rehearse"),
		OwnServer: f.Config.Rehearsal.Place == config.RehearseOnLocal,
		OnEvent:   func(e migrate.Event) { showRehearsing(s, e) },
	}
	if j.look != nil {
		in.AfterThere = func(ctx context.Context, conn *pgx.Conn, before *pg.Snapshot) error {
			return j.look(ctx, &found, conn, before)
		}
	}
	outcome, err := rehearsal.Run(ctx, in)
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err() // what the engine says of where it was interrupted is true of the clone
	case err != nil:
		return r, f.brokenOff(ctx, clone, err)
	}
	outcome.AllowIrreversible = o.AllowIrreversible
	if outcome.NeedsRates() {
		if outcome.Rates, err = rehearsal.Calibrate(ctx, clone.Target, f.application("rehearse")); err != nil {
			return r, nothingChanged(err)
		}
	}
	r.compare(outcome, clone, f)
	found = append(append(found, r.cloneResult(clone)), outcome.Results()...)
	f.recordRehearsal(s, r, found)
	f.attachRehearsal(r)
	if refusal := outcome.Refusal(); refusal != nil {
		return r, nothingChanged(refusal)
	}
	r.proof = migrate.Rehearsal{PlanSHA256: j.plan.SHA256, Expected: outcome.Expected()}
	return r, nil
}

func (f *flow) rehearsalMode() rehearsal.Mode {
	if f.Config.Rehearsal.Mode == config.RehearseData {
		return rehearsal.WithData
	}
	return rehearsal.SchemaOnly
}

// cloneRequest asks for a clone of the schema, or for one that the backup just taken
// fills: that proves the backup as well, which is then among what is found.
func (f *flow) cloneRequest(s *ops.Step, j journey, found *[]ops.Result) pg.CloneRequest {
	r := pg.CloneRequest{Extensions: j.plan.Touches().Extensions}
	j.bookkeeping(&r)
	if f.Config.Rehearsal.Mode != config.RehearseData {
		return r
	}
	r.Fill = func(ctx context.Context, into config.Target, programs pg.Programs) error {
		restored, err := backup.Load(ctx, backup.LoadOptions{
			File: j.saved.Path, Into: into, Programs: programs, Application: f.application("rehearse"), Progress: expecting(f.dumpTook, time.Now, s.Progress),
		})
		if err != nil {
			return err
		}
		*found = append(*found, finding("rehearse.backup", ops.Pass(fmt.Sprintf(
			"the backup is restorable: restored on the clone, and the rows of %s counted and found equal", counted(len(restored.Tables), "table", "tables")))))
		return nil
	}
	return r
}

// expecting adds to a progress what is left of a time: reading a backup back is taken to
// need at least what writing it took.
func expecting(took time.Duration, now func() time.Time, tell func(ops.Progress)) func(ops.Progress) {
	began := now()
	return func(p ops.Progress) {
		p.Left = max(took-now().Sub(began), 0)
		tell(p)
	}
}

// showRehearsing says how far the rehearsal is. What is said of locks while the
// change itself is made would only confuse here.
func showRehearsing(s *ops.Step, e migrate.Event) {
	switch e.Kind {
	case migrate.FileStarted:
		s.Progress(ops.Progress{Label: e.File.ID() + " " + string(e.File.Direction), Done: int64(e.Index), Total: int64(e.Of), Unit: ops.UnitFiles, Detail: "on the clone"})
	case migrate.Running:
		s.Progress(running(e))
	}
}
