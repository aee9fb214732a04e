package runbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// closeTimeout bounds what is put in order after a flow, also after Ctrl-C.
const closeTimeout = 15 * time.Second

// flow is one command under way: its run, and what it opened.
type flow struct {
	*Session
	run *ops.Run

	conn   *pgx.Conn // for reading; nil until connected
	server pg.Server
	lock   *pg.Held // nil while not locked
	record *record  // nil until opened, and when it cannot be
	// recordTried says that the record was asked for once: it is not asked twice.
	recordTried bool
	source      *migrate.Source

	// changing says that the command may change something: it then leaves a report.
	changing bool
	// touched says that a change of the database began: only then does a failure
	// need to look what became of it.
	touched bool
	// dumpTook is how long this run's backup took, zero while there is none.
	dumpTook time.Duration
}

// conduct runs body as one command: it begins the run, closes whatever body
// opened, finishes the ledger, writes the reports and tells the sink.
func (s *Session) conduct(ctx context.Context, command string, body func(context.Context, *flow) error) *ops.Run {
	f := &flow{Session: s}
	f.run = ops.Begin(s.header(command), s.Sink, s.Now)
	err := body(ctx, f)
	if err != nil {
		err = f.explain(ctx, err)
	}
	f.run.Finish(err)

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	f.writeReports()
	f.finishRecord(closing)
	f.close(closing)
	f.run.Announce()
	return f.run
}

// step runs body as a step of the run, and tells the ledger first: a killed run is
// found standing there.
func (f *flow) step(ctx context.Context, name string, body func(context.Context, *ops.Step) error) error {
	if f.record != nil {
		f.record.step(f.run.ID, name)
	}
	return f.run.Do(ctx, name, body)
}

func (f *flow) close(ctx context.Context) {
	if f.lock != nil {
		_ = f.lock.Release(ctx) // the session's end releases it anyway
	}
	if f.record != nil {
		f.record.close(ctx)
	}
	if f.conn != nil {
		_ = f.conn.Close(ctx) // nothing was left open on it
	}
}

// connect opens the connection that asks questions and learns what the server
// is. A dry run's is read-only, so that it could not change anything.
func (f *flow) connect(ctx context.Context, readOnly bool) error {
	if f.Config.TargetErr != nil {
		return f.Config.TargetErr
	}
	conn, err := pg.Connect(ctx, f.Config.Target, pg.ConnOptions{
		Application:      f.application(f.run.Command),
		StatementTimeout: 5 * time.Minute,
		LockTimeout:      10 * time.Second,
		ReadOnly:         readOnly,
	})
	if err != nil {
		return nothingChanged(err)
	}
	f.conn = conn
	f.server, err = pg.Describe(ctx, conn)
	return err
}

// reconnect replaces the connection by a new one: the server may have been
// restarted while files were applied.
func (f *flow) reconnect(ctx context.Context) error {
	if f.conn != nil {
		_ = f.conn.Close(context.WithoutCancel(ctx)) // nothing was left open on it
		f.conn = nil
	}
	return f.connect(ctx, false)
}

// explain makes an error say what happened, what is true now and what to type
// next, where the step that failed has not said so already.
func (f *flow) explain(ctx context.Context, err error) error {
	failure := *ops.AsFailure(err)
	cause := context.Cause(ctx)
	switch {
	case ctx.Err() == nil:
	case errors.Is(cause, context.DeadlineExceeded):
		failure.Code = ops.ExitFailed
		failure.What = fmt.Sprintf("gave up during %s: the time allowed by --timeout is over", f.stepName())
	case failure.Err == nil || len(failure.State) == 0 || failure.Code == ops.ExitFailed && !f.touched:
		// A query that failed because it was cancelled does not know why.
		failure.Code = ops.ExitInterrupted
		failure.What = "interrupted during " + f.stepName()
	}
	if len(failure.State) == 0 {
		failure.State = f.state(ctx)
	}
	failure.State = append(slices.Clone(failure.State), f.saved()...)
	if len(failure.Next) == 0 && ctx.Err() != nil {
		failure.Next = []string{"the same command again"}
	}
	failure.Next = f.addressedAll(failure.Next)
	failure.Err = err
	return &failure
}

// stepName is the step under way, or the one that ended last.
func (f *flow) stepName() string {
	if n := len(f.run.Steps); n > 0 {
		return f.run.Steps[n-1].Name
	}
	return f.run.Command
}

// state looks on a fresh connection where the database stands.
func (f *flow) state(ctx context.Context) []string {
	if !f.touched {
		return []string{"nothing was changed"}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	conn, err := pg.Connect(ctx, f.Config.Target, pg.ConnOptions{Application: f.application("state")})
	if err != nil {
		return []string{"the database does not answer, so its state is not known: " + err.Error()}
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	state, err := migrate.ReadState(ctx, conn)
	if err != nil {
		return []string{"the state of the database could not be read: " + err.Error()}
	}
	return []string{"the database is at " + state.String()}
}

// saved says, once a change began, what was saved before it and where.
func (f *flow) saved() []string {
	if !f.touched {
		return nil
	}
	var lines []string
	for _, a := range f.run.Artifacts {
		switch a.Kind {
		case "backup":
			lines = append(lines, "backup of the state before: "+a.Path)
		case "archive":
			lines = append(lines, "the rows that go are archived in "+a.Path)
		}
	}
	return lines
}

// nothingChanged gives an error of a step before any change the state it leaves.
func nothingChanged(err error) error {
	failure := *ops.AsFailure(err)
	failure.Err = err
	if len(failure.State) == 0 {
		failure.State = []string{"nothing was changed"}
	}
	return &failure
}
