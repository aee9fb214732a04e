package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// Applied is what Apply did, also when it failed.
type Applied struct {
	Files []AppliedFile
	// State is where the database stands at the end. When even that could not be
	// read it is what was last known, and the Failure says so.
	State State
	// Notes are what the operator should know of a run that succeeded: a file that
	// could not be recorded in the ledger, an index that was dropped.
	Notes []string
	// Ended are the sessions that were ended because they blocked a file, idle in a
	// transaction for at least ApplyOptions.CancelIdleBlockers.
	Ended []pg.Holder
}

// AppliedFile is a file that was committed.
type AppliedFile struct {
	File
	Took time.Duration
	// Attempts is 1 unless the file had to give way to a lock or a deadlock.
	Attempts int
}

// Apply carries out the plan, over connections of its own: every file in one
// transaction with its version row, and files that cannot run in one statement by
// statement. A failure leaves the version before the file that failed, clean; ctx
// being cancelled is such a failure.
//
// The caller holds the migration lock (pg.Lock). Without a backup and a rehearsal,
// or the reasons for having none, and with files that are not those of the plan,
// nothing is done.
//
// The error is a *ops.Failure whose State was read from the database over a new
// connection after the fact.
func Apply(ctx context.Context, t config.Target, p *Plan, b Backup, r Rehearsal, o ApplyOptions) (*Applied, error) {
	o.complete()
	e := &engine{target: t, plan: p, o: o, expected: r.Expected, applied: &Applied{State: State{Version: p.From}}}
	if err := permitted(p, b, r); err != nil {
		return e.applied, err
	}
	if err := e.open(ctx); err != nil {
		return e.applied, err
	}
	defer e.close(ctx)
	if err := e.startsAt(); err != nil {
		return e.applied, err
	}
	for i := range p.Files {
		if err := e.applyNext(ctx, i); err != nil {
			return e.applied, err
		}
	}
	return e.applied, nil
}

// engine is one call of Apply.
type engine struct {
	target  config.Target
	plan    *Plan
	o       ApplyOptions
	applied *Applied
	// expected is what the rehearsal makes us expect.
	expected []Expected

	conn *pgx.Conn
	// began tells our session from a later one with the same process id.
	began string
	watch *observer
	// index is the place of the file at work in the plan.
	index int
	// stale says that the session is to be replaced before the next file.
	stale bool
}

// open connects, and reads where the database stands.
func (e *engine) open(ctx context.Context) error {
	if err := e.connect(ctx); err != nil {
		return err
	}
	e.watch = newObserver(ctx, e)
	state, err := ReadState(ctx, e.conn)
	if err != nil {
		e.close(ctx)
		return err
	}
	e.applied.State = state
	return nil
}

func (e *engine) connect(ctx context.Context) error {
	conn, err := pg.Connect(ctx, e.target, pg.ConnOptions{Application: e.o.Application, LockTimeout: cleanUp, IdleInTransaction: idleLimit})
	if err != nil {
		return err
	}
	e.began, err = sessionBegan(ctx, conn)
	if err != nil {
		closeConn(ctx, conn)
		return fmt.Errorf("asking for the session: %w", pg.Cause(ctx, err))
	}
	e.conn = conn
	return nil
}

// beganSQL is when a session began, in microseconds: a text that no setting changes.
const beganSQL = "(extract(epoch FROM backend_start) * 1000000)::bigint::text"

// sessionBegan is when the connection's session began. A
// session is seen by the role that logged in, which need not be the one ALTER ROLE …
// SET role put in its place.
func sessionBegan(ctx context.Context, conn *pgx.Conn) (string, error) {
	a, err := simple(ctx, conn, "BEGIN;SET LOCAL ROLE NONE;"+
		"SELECT "+beganSQL+" FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid();COMMIT", 2)
	if err != nil || len(a.rows[2]) == 0 {
		return "", err
	}
	return a.rows[2][0][0], nil
}

func (e *engine) close(ctx context.Context) {
	if e.watch != nil {
		e.watch.close()
	}
	closeConn(ctx, e.conn)
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	if conn == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_ = conn.Close(limited) // the server ends the session either way
}

// startsAt refuses to apply a plan to another state than it was made for.
func (e *engine) startsAt() error {
	s := e.applied.State
	switch {
	case e.plan.Nothing():
		return nil
	case e.plan.Resumes:
		f := e.plan.Files[0]
		if u := s.Unfinished; u != nil && u.Version == f.Version && u.Direction == f.Direction && u.doneUpTo(f) == f.Done {
			return nil
		}
	case s.Version == e.plan.From && !s.Dirty && s.Rows <= 1:
		return nil
	}
	return &ops.Failure{
		Code:   ops.ExitRefused,
		What:   "the database is no longer where it was when the plan was made",
		Detail: []string{fmt.Sprintf("the plan begins at %s, and the database is at %s", versionName(e.plan.From), s)},
		State:  []string{"nothing was touched"},
		Next:   []string{"run the same command again: it makes a new plan"},
	}
}

// applyNext applies one file of the plan.
func (e *engine) applyNext(ctx context.Context, i int) error {
	e.index = i
	f := e.plan.Files[i]
	if err := e.mayBegin(ctx, f); err != nil {
		return err
	}
	if e.stale {
		closeConn(ctx, e.conn)
		if err := e.connect(ctx); err != nil {
			return e.failed(ctx, failure{file: f, err: err})
		}
	}
	e.stale = f.changesSession()
	if f.Transactional {
		return e.applyWhole(ctx, f)
	}
	return e.applyStatements(ctx, f)
}

// mayBegin stops between files.
func (e *engine) mayBegin(ctx context.Context, f File) error {
	if err := ctx.Err(); err != nil {
		return e.failed(ctx, failure{file: f, err: err, unbegun: true})
	}
	select {
	case <-e.o.LockLost:
		return e.failed(ctx, failure{file: f, err: errLockLost, unbegun: true})
	default:
		return nil
	}
}

// done notes a file that is committed.
func (e *engine) done(f File, took time.Duration, attempts int) {
	e.applied.Files = append(e.applied.Files, AppliedFile{File: f, Took: took, Attempts: attempts})
	e.at(f.After, false)
	e.emit(Event{Kind: FileDone, File: f, Attempt: attempts, Statement: -1, Took: took, Text: fmt.Sprintf("%s applied", f.ID())})
}

// at is the state after a commit of ours.
func (e *engine) at(version int64, dirty bool) {
	s := &e.applied.State
	s.Table, s.Version, s.Dirty, s.Unfinished = true, version, dirty, nil
	s.Rows = 1
	if version < 0 && !dirty {
		s.Rows = 0
	}
}

func (e *engine) emit(event Event) {
	event.Index, event.Of = e.index, len(e.plan.Files)
	e.o.OnEvent(event)
}

// note tells, and keeps, what the operator should know.
func (e *engine) note(f File, text string) {
	e.applied.Notes = append(e.applied.Notes, text)
	e.emit(Event{Kind: Note, File: f, Statement: -1, Text: text})
}
