package ledger

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// DefaultHistoryLimit is how many runs History returns when the filter does not say.
const DefaultHistoryLimit = 50

// What Entry.Outcome says of a run that is not finished.
const (
	// OutcomeRunning: its session is there.
	OutcomeRunning ops.Outcome = "running"
	// OutcomeCopied: it ran in another database, of which this one is a copy
	// taken meanwhile. How it ended is written there.
	OutcomeCopied ops.Outcome = "copied"
)

// Entry is one run of the history, in the form clipperops/list/v1 prints it.
// A run that was killed has the outcome "interrupted" whether or not somebody
// has found it yet, and no exit code.
type Entry struct {
	ID          string      `json:"id"`
	Command     string      `json:"command"`
	Environment string      `json:"environment"`
	Release     string      `json:"release"`
	Database    string      `json:"database"`
	Operator    string      `json:"operator"`
	Host        string      `json:"host"`
	Version     string      `json:"version"`
	Started     time.Time   `json:"started"`
	Finished    *time.Time  `json:"finished,omitempty"`
	Outcome     ops.Outcome `json:"outcome"`
	ExitCode    *int        `json:"exit_code,omitempty"`
	DurationMS  *int64      `json:"duration_ms,omitempty"`
	// Step is the one begun last.
	Step   string `json:"step,omitempty"`
	Report string `json:"report,omitempty"`
	Error  string `json:"error,omitempty"`
	// FoundBy says who found the run killed; Finished is then when.
	FoundBy string       `json:"found_by,omitempty"`
	Summary *Summary     `json:"summary,omitempty"`
	Files   []FileRecord `json:"files,omitempty"`
}

// Filter narrows the history. Zero fields do not narrow.
type Filter struct {
	// Limit is how many runs are returned, newest first; default DefaultHistoryLimit.
	Limit int
	// ID selects the one run.
	ID          string
	Command     string
	Environment string
	Operator    string
	Outcome     ops.Outcome
	Since       time.Time
}

// gone holds for a run r whose session is not there any more. The start of a
// session of another user may be hidden; it is then taken to be the run's own:
// a run is not called killed on a guess.
const gone = `NOT EXISTS (
	SELECT 1 FROM pg_catalog.pg_stat_activity a
	 WHERE a.pid = r.backend_pid AND (a.backend_start IS NULL OR a.backend_start = r.backend_start))`

// copied holds for a run r of another database.
const copied = `r.database_oid <> (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())`

const entryColumns = `
	r.id, r.command, r.environment, r.release, r.database, r.operator, r.host, r.version,
	r.started, r.finished,
	CASE WHEN r.finished IS NOT NULL THEN coalesce(r.outcome, '')
	     WHEN ` + copied + ` THEN 'copied'
	     WHEN ` + gone + ` THEN 'interrupted'
	     ELSE 'running' END AS outcome,
	r.exit_code, r.duration_ms, coalesce(r.step, ''), coalesce(r.report, ''), coalesce(r.error, ''),
	coalesce(r.found_by, ''), r.summary`

// History returns the recorded runs, newest first. It needs no more than the
// right to read; where nothing was ever recorded it is empty.
func History(ctx context.Context, db Executor, f Filter) ([]Entry, error) {
	if there, err := tableThere(ctx, db, "runs"); err != nil || !there {
		return nil, err
	}
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultHistoryLimit
	}
	var since *time.Time
	if !f.Since.IsZero() {
		since = &f.Since
	}
	rows, err := db.Query(ctx, `
		SELECT * FROM (SELECT `+entryColumns+` FROM clipperops.runs r
		 WHERE ($2 = '' OR r.id = $2) AND ($3 = '' OR r.command = $3) AND ($4 = '' OR r.environment = $4)
		   AND ($5 = '' OR r.operator = $5) AND ($7::timestamptz IS NULL OR r.started >= $7)) h
		 WHERE ($6 = '' OR h.outcome = $6)
		 ORDER BY h.started DESC, h.id DESC LIMIT $1`,
		limit, f.ID, f.Command, f.Environment, f.Operator, string(f.Outcome), since)
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	entries, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	if err := addFiles(ctx, db, entries); err != nil {
		return nil, readable(ctx, db, err)
	}
	return entries, nil
}

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var e Entry
	var summary []byte
	err := row.Scan(&e.ID, &e.Command, &e.Environment, &e.Release, &e.Database, &e.Operator, &e.Host, &e.Version,
		&e.Started, &e.Finished, &e.Outcome, &e.ExitCode, &e.DurationMS, &e.Step, &e.Report, &e.Error, &e.FoundBy, &summary)
	if err != nil {
		return e, err
	}
	e.Started = e.Started.UTC()
	if e.Finished != nil {
		utc := e.Finished.UTC()
		e.Finished = &utc
	}
	if summary != nil {
		e.Summary = new(Summary)
		err = json.Unmarshal(summary, e.Summary)
	}
	return e, err
}

// tableThere reports whether the ledger has the table, from the catalogs: they
// can be read even where the schema may not be used.
func tableThere(ctx context.Context, db Executor, name string) (bool, error) {
	var there bool
	err := db.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		                WHERE n.nspname = 'clipperops' AND c.relname = $1)`, name).Scan(&there)
	if err != nil {
		return false, unavailable(err)
	}
	return there, nil
}
