package migrate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/jackc/pgx/v5"
)

// Ledger is where Apply records what it does, in the database itself. A record
// that cannot be made never fails a migration: Apply says so and goes on.
type Ledger interface {
	// RecordFile records an applied file inside the transaction that conn is in,
	// which an error must leave usable.
	RecordFile(ctx context.Context, conn *pgx.Conn, f File, took time.Duration) error
	// Mark notes how far a file that cannot run in a transaction has come.
	Mark(ctx context.Context, conn *pgx.Conn, f File, m Mark) error
	// Forget drops the marks of the file: it is complete, or nothing of it is done.
	Forget(ctx context.Context, conn *pgx.Conn, f File) error
}

// Mark is a step of a file that cannot run in a transaction.
type Mark struct {
	// Index is the statement's place in the file, from 0; -1 is the file itself.
	Index int
	// From is the version before the file; of the file itself alone.
	From int64
	// SHA256 is that of the statement's text.
	SHA256 string
	// Step says how far the statement is; of the file itself it is empty.
	Step MarkStep
}

// MarkStep is how far a statement is.
type MarkStep string

// The steps. A statement that is started and neither done nor failed was cut off,
// and may have been completed all the same.
const (
	StatementStarted  MarkStep = "started"
	StatementFailed   MarkStep = "failed"
	StatementFinished MarkStep = "done"
)

// RecordIn is a Ledger that writes to l under the run's id.
func RecordIn(l *ledger.Ledger, runID string) Ledger { return recorder{l: l, runID: runID} }

type recorder struct {
	l     *ledger.Ledger
	runID string
}

func (r recorder) RecordFile(ctx context.Context, conn *pgx.Conn, f File, took time.Duration) error {
	return r.l.RecordFile(ctx, conn, ledger.FileRecord{
		RunID: r.runID, Version: f.Version, Name: f.Name,
		Direction: ledger.Direction(f.Direction), SHA256: f.SHA256, Took: took,
	})
}

// The ledger keeps one row per statement, with a checksum; before it stands what
// the row means: the file itself (place -1), or the statement's step. The rows are
// found by the version of the dirty row, not by the file's checksum: a file that
// was mended after it failed is resumed as well.
const fileMark = "file %d from %d"

func markKey(after int64, d Direction) ledger.FileKey {
	return ledger.FileKey{Version: uint64(after), Direction: ledger.Direction(d)}
}

func (r recorder) Mark(ctx context.Context, conn *pgx.Conn, f File, m Mark) error {
	s := ledger.DoneStatement{Index: m.Index, SHA256: string(m.Step) + " " + m.SHA256}
	if m.Index < 0 {
		s.SHA256 = fmt.Sprintf(fileMark, f.Version, m.From)
	}
	return r.l.RecordStatement(ctx, conn, r.runID, markKey(f.After, f.Direction), s)
}

func (r recorder) Forget(ctx context.Context, conn *pgx.Conn, f File) error {
	return r.l.ForgetStatements(ctx, conn, uint64(f.After), ledger.Direction(f.Direction))
}

// readUnfinished finds out whether the dirty mark at version is one of ours.
func readUnfinished(ctx context.Context, conn *pgx.Conn, version int64) (*Unfinished, error) {
	for _, d := range []Direction{Up, Down} {
		rows, err := ledger.DoneStatements(ctx, conn, markKey(version, d))
		if err != nil {
			// A ledger that cannot be read knows nothing: the mark is then for people.
			return nil, ctx.Err()
		}
		if u := unfinishedFrom(rows, d); u != nil {
			return u, nil
		}
	}
	return nil, nil
}

// unfinishedFrom reads the marks back; nil without the mark of the file itself.
func unfinishedFrom(rows []ledger.DoneStatement, d Direction) *Unfinished {
	if len(rows) == 0 || rows[0].Index != -1 {
		return nil
	}
	u := &Unfinished{Direction: d, Statements: map[int]string{}, Started: -1}
	if _, err := fmt.Sscanf(rows[0].SHA256, fileMark, &u.Version, &u.From); err != nil {
		return nil
	}
	for _, row := range rows[1:] {
		step, sum, _ := strings.Cut(row.SHA256, " ")
		switch MarkStep(step) {
		case StatementFinished:
			u.Statements[row.Index] = sum
		case StatementStarted:
			u.Started, u.StartedSum = row.Index, sum
		}
	}
	return u
}
