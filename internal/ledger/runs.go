package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// finishTimeout bounds the closing of a run, which is also written when the
// run's own context is gone.
const finishTimeout = 10 * time.Second

// mySession are the columns that tie a run to the session that writes it.
const mySession = `
	(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
	pg_catalog.pg_backend_pid(),
	(SELECT a.backend_start FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_catalog.pg_backend_pid())`

// Begin records that a run has begun, on this session. Any error is an
// *UnavailableError.
func (l *Ledger) Begin(ctx context.Context, h ops.Header) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.conn.Exec(ctx, `
		INSERT INTO clipperops.runs
		       (id, command, environment, release, database, operator, host, version,
		        database_oid, backend_pid, backend_start)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8,`+mySession,
		l.header(h)...)
	return unavailable(err)
}

// header returns the parameters $1 to $8 of a run.
func (l *Ledger) header(h ops.Header) []any {
	one := func(s string) string { return l.clean.line(s, maxLabel) }
	return []any{
		one(h.ID), one(h.Command), one(h.Environment), one(h.Release), l.clean.line(h.Database, maxTarget),
		one(h.Operator), one(h.Host), one(h.Version),
	}
}

// Step marks the step that begins now. A killed run is found standing here.
func (l *Ledger) Step(ctx context.Context, runID, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.conn.Exec(ctx, `
		UPDATE clipperops.runs
		   SET step = $2, step_started = pg_catalog.clock_timestamp(),
		       (database_oid, backend_pid, backend_start) = (SELECT `+mySession+`)
		 WHERE id = $1`,
		l.clean.line(runID, maxLabel), l.clean.line(name, maxLabel))
	return failed("mark step", err)
}

// Finish closes the run: outcome, exit code, duration, error and summary. It is
// also written when ctx is done, and when Begin could not be: a run whose
// session broke is finished through a Ledger opened on another connection.
func (l *Ledger) Finish(ctx context.Context, run *ops.Run, reportPath string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	summary, err := l.clean.summary(run)
	if err != nil {
		return failed("summarise run", err)
	}
	var cause *string
	if run.Err != nil {
		text := l.clean.text(errorText(run.Err), maxError)
		cause = &text
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	_, err = l.conn.Exec(ctx, `
		INSERT INTO clipperops.runs
		       (id, command, environment, release, database, operator, host, version,
		        started, finished, outcome, exit_code, duration_ms, report, error, summary,
		        database_oid, backend_pid, backend_start)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8,
		       pg_catalog.clock_timestamp() - $9::bigint * interval '1 millisecond', pg_catalog.clock_timestamp(),
		       $10, $11::integer, $9, nullif($12, ''), $13, $14::jsonb,`+mySession+`
		ON CONFLICT (id) DO UPDATE
		   SET finished = excluded.finished, outcome = excluded.outcome, exit_code = excluded.exit_code,
		       duration_ms = excluded.duration_ms, report = excluded.report, error = excluded.error,
		       summary = excluded.summary, found_by = NULL`,
		append(l.header(run.Header),
			run.Took.Milliseconds(), string(run.Outcome()), int32(run.ExitCode()),
			l.clean.line(reportPath, maxPath), cause, string(summary))...)
	return failed("finish run", err)
}

// errorText is what an operator was told: what happened and the detail under it.
func errorText(err error) string {
	f := ops.AsFailure(err)
	text := f.What
	for _, line := range f.Detail {
		text += "\n" + line
	}
	for _, line := range f.State {
		text += "\n" + line
	}
	return text
}

// failed names the ledger as the place of an error, nil for none.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ledger: %s: %w", what, err)
}
