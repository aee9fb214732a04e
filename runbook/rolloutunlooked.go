package runbook

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/ops"
)

// unlooked is the failure of a command that could not see the flag. A server that cannot be
// reached is told of in the words that every command has for it.
func (e *exposing) unlooked(ctx context.Context, err error) error {
	var blocked *blockedError
	if errors.As(err, &blocked) {
		err = blocked.failure(err)
	}
	explained := ops.AsFailure(err)
	if len(explained.Next) == 0 {
		explained = ops.AsFailure(e.unreadable(err))
		if !e.manner.reads && serverCode(err) == "42501" { // who changes something needs more than to read it
			explained.Next = e.writeGrants()
		}
	}
	f := *ops.AsFailure(nothingChanged(explained))
	if e.controller != nil && e.controller.RecordErr != nil && notConnected(err) {
		f = *ops.AsFailure(e.controller.RecordErr)
		f.What = "the flag cannot be read: " + f.What
		f.Next = append(f.Next[:len(f.Next):len(f.Next)], "then the same command again")
	}
	if len(f.Next) == 0 && ctx.Err() == nil {
		f.Next = []string{"see that it answers, then the same command again"}
		if file := e.Config.Rollout.File; file != "" {
			f.Next = []string{"see that " + file + " is there and can be read, then the same command again"}
			if !errors.As(err, new(*fs.PathError)) { // it was read
				f.Next = []string{"correct what is named above in " + file + ", then the same command again"}
			}
		}
	}
	if e.manner.off && e.Config.Target.Host != "" && errors.Is(err, e.Config.TargetErr) { // it is stated well; its password cannot be read
		f.Code = ops.ExitFailed
		f.Next = append(f.Next[:len(f.Next):len(f.Next)], "then the same command again")
	}
	if e.manner.lax && !e.manner.reads && f.Code != ops.ExitUsage {
		f.State = []string{"nothing was changed: the flag is what it was, and services keep what they saw last"}
	}
	if e.manner.off && f.Code != ops.ExitUsage && ctx.Err() == nil {
		f.Next = append(f.Next[:len(f.Next):len(f.Next)], e.lastResort()...)
	}
	return &f
}

// withoutRecord is the warning of a command that goes on without the record.
func (e *exposing) withoutRecord() ops.Result {
	why, fix := ops.AsFailure(e.controller.RecordErr), "see that the database answers"
	if errors.Is(e.controller.RecordErr, e.Config.TargetErr) { // nobody was asked
		fix = strings.Join(why.Next, ", or ")
	}
	return ops.Warn("where the rollout stands cannot be read: "+why.What, fix+"; less is possible all the same, and is not recorded")
}

// lastResort turns the feature off where the flag cannot be reached from here.
func (e *exposing) lastResort() []string {
	if e.controller != nil {
		if b, ok := e.controller.Store.(*namesBlockers); ok && b.blocked.Load() {
			return []string{"if that cannot be had, stop the service"} // by hand it would wait for the same lock
		}
	}
	r := e.Config.Rollout
	return OffByHand(r.Store, r.File, e.Release.Rollout.Flag)
}

// notConnected reports whether it is the database that cannot be reached.
func notConnected(err error) bool { return errors.As(err, new(*pgconn.ConnectError)) }
