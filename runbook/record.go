package runbook

import (
	"context"
	"errors"
	"time"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/rollback"
	"github.com/jackc/pgx/v5"
)

// The ledger never holds up the command: recordTimeout bounds each entry, and
// recordPatience how long it waits for somebody who locks the ledger's tables.
const (
	recordTimeout  = 5 * time.Second
	recordPatience = time.Second
)

// record is the ledger of a run under way, on a connection of its own: the end
// of that session is what tells the next run that this one was killed.
type record struct {
	conn   *pgx.Conn
	ledger *ledger.Ledger
	// silent: a step could not be marked, and no further one is tried.
	silent bool
}

// openRecord begins the run in the ledger. A ledger that cannot be written is a
// warning, never an error: the command goes on without it and says so.
func (f *flow) openRecord(ctx context.Context, s *ops.Step) {
	if f.recordTried {
		return
	}
	f.recordTried = true
	rec, killed, err := f.beginRecord(ctx)
	if err != nil {
		s.Record(finding("ledger.writable", ops.Warn("this run is not recorded: "+err.Error(), fixOf(err))))
		return
	}
	f.record = rec
	for _, k := range killed {
		s.Record(finding("ledger.killed", f.killedResult(k)))
	}
}

// killedResult tells of a run that was killed, and where what it saved lies.
func (f *flow) killedResult(k ledger.Entry) ops.Result {
	r := ops.Warn(
		"an earlier run was killed: "+k.Command+" by "+k.Operator+" on "+k.Host+", during "+orUnknown(k.Step),
		"nothing to do; the next run starts from where the database stands",
		ops.Fact{Name: "run", Value: k.ID},
		ops.Fact{Name: "began", Value: k.Started.UTC().Format(time.RFC3339)})
	for _, path := range rollback.ArchivesOf(f.Config.BackupDir, k.ID) {
		r.Evidence = append(r.Evidence, ops.Fact{Name: "its archive", Value: path})
	}
	return r
}

func (f *flow) beginRecord(ctx context.Context) (*record, []ledger.Entry, error) {
	conn, err := f.connectLedger(ctx)
	if err != nil {
		return nil, nil, err
	}
	rec := &record{conn: conn}
	rec.ledger, err = ledger.Open(ctx, conn)
	if err == nil {
		err = rec.ledger.Begin(ctx, f.run.Header)
	}
	if err != nil {
		rec.close(context.WithoutCancel(ctx))
		return nil, nil, err
	}
	killed, err := rec.ledger.Interrupted(ctx)
	if err == nil {
		err = rec.ledger.CloseInterrupted(ctx, f.Operator+"@"+f.Host)
	}
	if err != nil {
		return rec, killed, nil //nolint:nilerr // not knowing of an older run is no reason to stop
	}
	return rec, killed, nil
}

func (f *flow) connectLedger(ctx context.Context) (*pgx.Conn, error) {
	return pg.Connect(ctx, f.Config.Target, pg.ConnOptions{
		Application:      f.application("ledger"),
		StatementTimeout: recordTimeout,
		LockTimeout:      recordPatience,
	})
}

// step marks where the run is. What cannot be marked is left unmarked.
func (r *record) step(runID, name string) {
	if r.silent {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	r.silent = r.ledger.Step(ctx, runID, name) != nil
}

// reached tells the ledger which files there were when the database came to this
// version, so that one that comes later with a lower number is found. Nothing is
// told where there is no ledger.
func (r *record) reached(ctx context.Context, runID string, f *flow, version int64) {
	if r == nil || f.source == nil {
		return
	}
	var versions []ledger.KnownVersion
	for _, v := range f.source.Versions() {
		if up, ok := f.source.Up(v); ok {
			versions = append(versions, ledger.KnownVersion{Version: v, Name: up.Name, SHA256: up.SHA256})
		}
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	_ = r.ledger.RecordKnown(limited, runID, version, versions) // without it late files cannot be told, which the check says
}

func (r *record) close(ctx context.Context) {
	_ = r.conn.Close(ctx) // the entry is committed
}

// finishRecord closes the run in the ledger.
func (f *flow) finishRecord(ctx context.Context) {
	if f.record == nil {
		return
	}
	err := f.record.ledger.Finish(ctx, f.run, f.reportPath())
	if err == nil {
		return
	}
	// The session may have gone down with the server: once more on a new one.
	f.record.close(ctx)
	conn, connErr := f.connectLedger(ctx)
	if connErr == nil {
		f.record.conn = conn
		var again *ledger.Ledger
		if again, err = ledger.Open(ctx, conn); err == nil {
			err = again.Finish(ctx, f.run, f.reportPath())
		}
	}
	if err != nil {
		f.run.Conclusion = append(f.run.Conclusion, "⚠ the end of this run could not be recorded: "+err.Error())
	}
}

// fixOf is what the ledger says can be done about not being writable.
func fixOf(err error) string {
	var unavailable *ledger.UnavailableError
	if errors.As(err, &unavailable) {
		return unavailable.Fix()
	}
	return ""
}

// finding gives a result that no check made its id. Without a title the reports
// show it as what a step did, not as one of many checks.
func finding(id string, r ops.Result) ops.Result {
	r.ID = id
	return r
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown step"
	}
	return s
}
