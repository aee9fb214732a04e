package ledger

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Direction tells which of a version's two files was run.
type Direction string

// The directions.
const (
	Up   Direction = "up"
	Down Direction = "down"
)

// FileRecord is a migration file that was applied.
type FileRecord struct {
	RunID     string        `json:"-"`
	Version   uint64        `json:"version"`
	Name      string        `json:"name"`
	Direction Direction     `json:"direction"`
	SHA256    string        `json:"sha256"`
	Took      time.Duration `json:"-"`
	TookMS    int64         `json:"duration_ms"` // set when read
	AppliedAt time.Time     `json:"applied_at"`  // set when read
}

// RecordFile records an applied file through db, the transaction that applies
// it: both are committed, or neither. The insert stands behind a savepoint: an
// error means that the file is not recorded, and leaves the transaction as it was.
func (l *Ledger) RecordFile(ctx context.Context, db Executor, f FileRecord) error {
	return failed("record file", behindSavepoint(ctx, db, func() error {
		_, err := db.Exec(ctx, `
			INSERT INTO clipperops.files (run_id, version, name, direction, sha256, took_ms)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			l.clean.line(f.RunID, maxLabel), int64(f.Version), l.clean.line(f.Name, maxLabel), string(f.Direction),
			l.clean.line(f.SHA256, maxLabel), f.Took.Milliseconds())
		return err
	}))
}

// The file's own lock_timeout may be long, and while the record waits the
// migration keeps its locks: what the record waits is short, and the rest of the
// transaction waits as before. Each is one round trip.
const (
	savepoint = `SAVEPOINT clipperops_ledger;
		SELECT pg_catalog.set_config('clipperops.lock_timeout', pg_catalog.current_setting('lock_timeout'), true);
		SET LOCAL lock_timeout = '100ms'`
	release = `SELECT pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('clipperops.lock_timeout'), true);
		RELEASE SAVEPOINT clipperops_ledger`
	undo = `ROLLBACK TO SAVEPOINT clipperops_ledger; RELEASE SAVEPOINT clipperops_ledger`
)

// behindSavepoint runs do so that its failure leaves the transaction usable.
// Outside a transaction there is nothing to protect.
func behindSavepoint(ctx context.Context, db Executor, do func() error) error {
	if _, err := db.Exec(ctx, savepoint, pgx.QueryExecModeSimpleProtocol); err != nil {
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "25P01" { // no_active_sql_transaction
			return do()
		}
		return err
	}
	if err := do(); err != nil {
		_, back := db.Exec(ctx, undo, pgx.QueryExecModeSimpleProtocol)
		return errors.Join(err, back)
	}
	_, err := db.Exec(ctx, release, pgx.QueryExecModeSimpleProtocol)
	return err
}

// addFiles fills in what each run applied.
func addFiles(ctx context.Context, db Executor, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if there, err := tableThere(ctx, db, "files"); err != nil || !there {
		return err
	}
	index := make(map[string]int, len(entries))
	ids := make([]string, len(entries))
	for i, e := range entries {
		index[e.ID], ids[i] = i, e.ID
	}
	rows, err := db.Query(ctx, `
		SELECT run_id, version, name, direction, sha256, took_ms, applied_at
		  FROM clipperops.files WHERE run_id = ANY($1) ORDER BY id`, ids)
	if err != nil {
		return err
	}
	files, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (FileRecord, error) {
		var f FileRecord
		var version int64
		err := row.Scan(&f.RunID, &version, &f.Name, &f.Direction, &f.SHA256, &f.TookMS, &f.AppliedAt)
		f.Version, f.AppliedAt, f.Took = uint64(version), f.AppliedAt.UTC(), time.Duration(f.TookMS)*time.Millisecond
		return f, err
	})
	for _, f := range files {
		e := &entries[index[f.RunID]]
		e.Files = append(e.Files, f)
	}
	return err
}

// KnownVersion is a migration file that a successful run saw at or below the
// version it brought the database to.
type KnownVersion struct {
	Version uint64
	Name    string
	SHA256  string
}

// RecordKnown replaces what is known by the files of a run that succeeded in
// bringing the database to version reached; those above it are left out, for
// they are not applied. A later file at or below the highest known version that
// is not among the known came late.
func (l *Ledger) RecordKnown(ctx context.Context, runID string, reached int64, files []KnownVersion) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	files = slices.DeleteFunc(slices.Clone(files), func(f KnownVersion) bool { return int64(f.Version) > reached })
	versions := make([]int64, len(files))
	names := make([]string, len(files))
	sums := make([]string, len(files))
	for i, f := range files {
		versions[i], names[i], sums[i] = int64(f.Version), l.clean.line(f.Name, maxLabel), l.clean.line(f.SHA256, maxLabel)
	}
	// One statement, so that nobody sees half of it.
	_, err := l.conn.Exec(ctx, `
		WITH given AS (
		    SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[]) AS g (version, name, sha256)
		), unapplied AS (
		    DELETE FROM clipperops.known_versions k WHERE k.version > $5
		)
		INSERT INTO clipperops.known_versions (version, name, sha256, run_id)
		SELECT version, name, sha256, $1 FROM given
		ON CONFLICT (version) DO UPDATE SET name = excluded.name, sha256 = excluded.sha256, run_id = excluded.run_id`,
		l.clean.line(runID, maxLabel), versions, names, sums, reached)
	return failed("record known files", err)
}

// KnownVersions returns what RecordKnown left, in order; empty where no run has
// recorded anything.
func KnownVersions(ctx context.Context, db Executor) ([]KnownVersion, error) {
	if there, err := tableThere(ctx, db, "known_versions"); err != nil || !there {
		return nil, err
	}
	rows, err := db.Query(ctx, `SELECT version, name, sha256 FROM clipperops.known_versions ORDER BY version`)
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	known, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (KnownVersion, error) {
		var k KnownVersion
		var version int64
		err := row.Scan(&version, &k.Name, &k.SHA256)
		k.Version = uint64(version)
		return k, err
	})
	if err != nil {
		return nil, readable(ctx, db, err)
	}
	return known, nil
}
