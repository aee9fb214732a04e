package rehearsal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// retryFor bounds how long a file waits for a lock on the clone, where nobody but the
// server's own housekeeping can hold one.
const retryFor = 30 * time.Second

// walk is one pass on its way.
type walk struct {
	*rehearsal
	pass Pass
	// meter measures, differ looks at the schema; both are nil where that is not asked for.
	meter  *meter
	differ *differ
	files  []*File
	// now is the schema after the last file, when it was looked at.
	now *pg.Snapshot
	// broken ended the pass, and is not a file's fault.
	broken error
	stop   context.CancelFunc
}

// pass goes over the clone once. It is false when the rehearsal ends there: a file
// failed, or the error says why it could not be carried out.
func (r *rehearsal) pass(ctx context.Context, name PassName, plan *migrate.Plan) (bool, error) {
	w := &walk{rehearsal: r, pass: Pass{Name: name, Plan: plan, Reached: plan.From}}
	if name != Again {
		var err error
		if w.meter, err = r.newMeter(ctx, plan); err != nil {
			return false, err
		}
		// Of a long way back nothing is told statement by statement; a rollback has a rehearsal
		// of its own, which does.
		w.meter.byFile = name == Back && len(plan.Files) > fewFiles
		w.differ = &differ{rehearsal: r, files: len(plan.Files), last: r.schema, thrifty: name == Back}
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	w.stop = stop
	applied, failed := migrate.Apply(running, r.Clone, plan,
		migrate.Backup{Waived: "a clone"}, migrate.Rehearsal{Waived: "a rehearsal"}, w.options(running))
	w.pass.Reached = applied.State.Version
	more, err := w.end(ctx, failed)
	r.outcome.Passes = append(r.outcome.Passes, w.pass)
	return more, err
}

func (w *walk) options(ctx context.Context) migrate.ApplyOptions {
	o := migrate.ApplyOptions{
		Application: w.Application, RetryFor: retryFor, ReconnectFor: cleanUp,
		Whole:   w.pass.Plan.Direction == migrate.Down, // as a rollback has it
		OnEvent: func(e migrate.Event) { w.event(ctx, e) },
	}
	if w.meter != nil {
		o.Before, o.AfterStatement, o.BeforeStatement = w.meter.before, w.meter.after, w.meter.beforeOutside
	}
	return o
}

// event follows the engine from file to file.
func (w *walk) event(ctx context.Context, e migrate.Event) {
	w.OnEvent(e)
	switch {
	case e.Kind == migrate.FileStarted && w.meter != nil:
		w.meter.begin(e.File)
	case e.Kind == migrate.FileDone && w.meter != nil:
		f := w.meter.done()
		w.files = append(w.files, &f)
		var err error
		if w.now, err = w.differ.done(ctx, e.Index, &f); err != nil {
			w.broken = err
			w.stop()
		}
	case e.Kind == migrate.FileDone:
		w.files = append(w.files, &File{File: e.File, Took: e.Took})
	}
}

// end puts the pass together.
func (w *walk) end(ctx context.Context, failed error) (bool, error) {
	var leaves *leavesError
	var broken *brokenError
	var err error
	switch {
	case w.broken != nil:
		err = w.broken
	case failed == nil:
	case ctx.Err() == nil && errors.As(failed, &leaves):
		err = leaves.Failure
	case ctx.Err() == nil && errors.As(failed, &broken):
		err = notCarriedOut(ctx, "what a file does could not be measured", broken.err)
	case ctx.Err() == nil && sqlState(failed) == "53100":
		err = w.noRoom(failed)
	case !blames(ctx, failed):
		err = notCarriedOut(ctx, "on the clone, "+ops.AsFailure(failed).What, failed)
	default:
		w.pass.Failure = ops.AsFailure(failed)
	}
	if err == nil {
		err = w.look(ctx)
	}
	for _, f := range w.files {
		w.pass.Files = append(w.pass.Files, *f)
		w.pass.Took += f.Took
	}
	return err == nil && failed == nil, err
}

// look reads the schema at the end of the pass.
func (w *walk) look(ctx context.Context) (err error) {
	if w.now == nil || w.pass.Failure != nil {
		if w.now, err = w.snapshot(ctx); err != nil {
			return err
		}
	}
	if w.differ != nil {
		w.differ.close(w.now)
	}
	w.schema, w.pass.After = w.now, w.now
	if w.pass.Name == Back { // it is compared with what was before
		w.pass.After = w.version.leftOut(w.now)
	}
	return nil
}

// blames reports whether the failure is a file's own: it would meet the same on the
// database it is meant for. Everything else says nothing about the files.
func blames(ctx context.Context, err error) bool {
	if ctx.Err() != nil || !errors.As(err, new(*migrate.FileError)) || migrate.ConnectionLost(err) {
		return false
	}
	switch code := sqlState(err); {
	case code == "": // the engine's own: a file that ended its transaction, an INVALID index in its way
		return true
	case code == "55P03", code == "40P01", code == "40001": // somebody else is at work on the clone
		return false
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "58"):
		return false // connections, resources, the server's own system
	case strings.HasPrefix(code, "57"):
		return code == "57014" // query_canceled, which a file can bring upon itself
	}
	return true
}

// sqlState is the server's code in the error, "" for none.
func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// noRoom is the failure of a rehearsal that filled the disk.
func (w *walk) noRoom(failed error) error {
	f := notCarriedOut(context.Background(), "there is no room left on the disk of the clone's server", failed)
	var out *ops.Failure
	if errors.As(f, &out) {
		out.Next = []string{"make room there, or rehearse elsewhere: --rehearse-on local, or --rehearse-on with the URL of a server that has it"}
	}
	return f
}
