package rehearsal

import (
	"context"
	"errors"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// retryFor bounds how long a file waits for a lock on the clone, where nobody but the
// server's own housekeeping can hold one.
const retryFor = 30 * time.Second

// pass goes over the clone once. It is false when the rehearsal ends there: a file
// failed, or the error says why it could not be carried out.
func (r *rehearsal) pass(ctx context.Context, name PassName, plan *migrate.Plan) (bool, error) {
	applied, failed := migrate.Apply(ctx, r.Clone, plan,
		migrate.Backup{Waived: "a clone"}, migrate.Rehearsal{Waived: "a rehearsal"},
		migrate.ApplyOptions{
			Application: r.Application, RetryFor: retryFor, ReconnectFor: cleanUp,
			Whole: r.Whole && name != Back, OnEvent: r.OnEvent,
		})
	p := Pass{Name: name, Plan: plan, Reached: applied.State.Version}
	for _, f := range applied.Files {
		p.Files = append(p.Files, File{File: f.File, Took: f.Took})
		p.Took += f.Took
	}
	if failed != nil {
		if !blames(ctx, failed) {
			r.outcome.Passes = append(r.outcome.Passes, p)
			return false, notCarriedOut(ctx, "on the clone, "+ops.AsFailure(failed).What, failed)
		}
		p.Failure = ops.AsFailure(failed)
	}
	var err error
	if p.After, err = r.snapshot(ctx); err == nil && name == Back {
		p.After = r.version.leftOut(p.After) // it is compared with what was before
	}
	r.outcome.Passes = append(r.outcome.Passes, p)
	return err == nil && failed == nil, err
}

// blames reports whether the failure is a file's own: it would meet the same on the
// database it is meant for. Everything else says nothing about the files.
func blames(ctx context.Context, err error) bool {
	if ctx.Err() != nil || !errors.As(err, new(*migrate.FileError)) || migrate.ConnectionLost(err) {
		return false
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return true // the engine's own: a file that ended its transaction, an INVALID index in its way
	}
	switch {
	case answer.Code == "55P03", answer.Code == "40P01", answer.Code == "40001": // somebody else is at work on the clone
		return false
	case len(answer.Code) == 5:
		switch answer.Code[:2] {
		case "08", "53", "58": // connections, resources (53100: no room on the disk), the server's own system
			return false
		case "57": // but for query_canceled, which a file can bring upon itself
			return answer.Code == "57014"
		}
	}
	return true
}
