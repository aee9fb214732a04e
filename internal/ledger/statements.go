package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// FileKey names one state of one migration file: with another checksum it is
// another file, and nothing of it is done.
type FileKey struct {
	Version   uint64
	Direction Direction
	SHA256    string
}

// DoneStatement is a statement that was run: its place in the file, from 0, and
// its checksum.
type DoneStatement struct {
	Index  int
	SHA256 string
}

// RecordStatement records, through db, that a statement of a file that cannot
// run in a transaction is done.
func (l *Ledger) RecordStatement(ctx context.Context, db Executor, runID string, file FileKey, s DoneStatement) error {
	return failed("record statement", behindSavepoint(ctx, db, func() error {
		_, err := db.Exec(ctx, `
			INSERT INTO clipperops.statements (version, direction, file_sha256, index, sha256, run_id)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (version, direction, file_sha256, index)
			DO UPDATE SET sha256 = excluded.sha256, run_id = excluded.run_id, done_at = excluded.done_at`,
			int64(file.Version), string(file.Direction), file.SHA256, s.Index, s.SHA256, l.clean.line(runID, maxLabel))
		return err
	}))
}

// DoneStatements returns what is done of the file, in order.
func DoneStatements(ctx context.Context, db Executor, file FileKey) ([]DoneStatement, error) {
	if there, err := tableThere(ctx, db, "statements"); err != nil || !there {
		return nil, err
	}
	rows, err := db.Query(ctx, `
		SELECT index, sha256 FROM clipperops.statements
		 WHERE version = $1 AND direction = $2 AND file_sha256 = $3 ORDER BY index`,
		int64(file.Version), string(file.Direction), file.SHA256)
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	done, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DoneStatement])
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	return done, nil
}

// ForgetStatements forgets, through db, what is done of every state of the
// version's file: it is complete, and may be run again from its beginning.
func (l *Ledger) ForgetStatements(ctx context.Context, db Executor, version uint64, direction Direction) error {
	return failed("forget statements", behindSavepoint(ctx, db, func() error {
		_, err := db.Exec(ctx, `DELETE FROM clipperops.statements WHERE version = $1 AND direction = $2`,
			int64(version), string(direction))
		return err
	}))
}
