package rollback

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/wholefile"
	"github.com/clipper/clipperops/migrate"
)

// lateState is how a table differs from its reference.
type lateState struct {
	mode      LateMode // "" when it does not
	condition string   // that selects the late rows
}

// A row's transaction, a number of 32 bits that wraps around, as the one of 64 bits that is
// nearest below "now", which is at least every transaction that can have written a row. Rows
// frozen by servers before 9.4 have the numbers 1 and 2.
const rowXID = `CASE WHEN t.xmin::text::bigint < 3 THEN 0 ELSE %[1]d - ((%[1]d - t.xmin::text::bigint) & 4294967295) END`

// findLate compares a table, which is locked against writers, with its reference.
//
// A row that a transaction before the reference's horizon wrote was saved; when there are as
// many of those as were saved, none was changed or deleted, and all others are late. When
// there are fewer, it cannot be told which: the server does not number the transactions
// within one (savepoints) in a snapshot, so that a row of one that was open then looks like
// one of a transaction that had ended. Then all rows are saved once more.
func findLate(ctx context.Context, conn *pgx.Conn, t Relation, was reference) (lateState, error) {
	var now int64
	if err := conn.QueryRow(ctx, "SELECT greatest(txid_current(), txid_snapshot_xmax(txid_current_snapshot()))").Scan(&now); err != nil {
		return lateState{}, err
	}
	xid := fmt.Sprintf(rowXID, now)
	old := fmt.Sprintf("%s < %d", xid, was.horizon)
	var settled, all int64
	err := conn.QueryRow(ctx, "SELECT count(*) FILTER (WHERE "+old+"), count(*) FROM ONLY "+t.quoted()+" AS t").Scan(&settled, &all)
	if err != nil {
		return lateState{}, fmt.Errorf("looking for late rows of %s: %w", t, err)
	}
	switch {
	case settled == was.rows && all == was.rows:
		return lateState{}, nil
	case settled == was.rows:
		return lateState{mode: LateAppend, condition: fmt.Sprintf("%s >= %d", xid, was.horizon)}, nil
	}
	return lateState{mode: LateReplace}, nil
}

// saveLate saves what has been written to the tables since their references, before file f
// drops it. It returns nil when nothing was. The tables are locked; the file's transaction
// goes on as it was.
func (g *guardian) saveLate(ctx context.Context, conn *pgx.Conn, f migrate.File, tables []SavedTable) (*ArchiveRef, error) {
	if err := script(ctx, conn, "SAVEPOINT clipperops_late; "+copySettings); err != nil {
		return nil, err
	}
	ref, err := g.writeLate(ctx, conn, f, tables)
	if err != nil {
		return nil, err // the engine rolls everything back
	}
	return ref, script(ctx, conn, "ROLLBACK TO SAVEPOINT clipperops_late; RELEASE SAVEPOINT clipperops_late")
}

func (g *guardian) writeLate(ctx context.Context, conn *pgx.Conn, f migrate.File, tables []SavedTable) (ref *ArchiveRef, err error) {
	var w *archiveWriter
	defer func() {
		if w != nil {
			w.file.Discard()
		}
	}()
	for _, t := range tables {
		late, err := findLate(ctx, conn, t.Relation, g.references[t.OID])
		if err != nil {
			return nil, err
		}
		if late.mode == "" {
			continue
		}
		if w == nil {
			if w, err = g.openLate(ctx, conn, f); err != nil {
				return nil, err
			}
		}
		t.Mode = late.mode
		if err := w.table(ctx, conn, t, "", late.condition); err != nil {
			return nil, err
		}
	}
	if w == nil {
		return nil, g.forgetLate(f)
	}
	if w.manifest.Sequences, err = readSequences(ctx, conn, asDoomed(tables), []migrate.File{f}); err != nil {
		return nil, err
	}
	saved, err := w.finish(g.o.Now())
	return &saved, err
}

func asDoomed(tables []SavedTable) []doomedTable {
	doomed := make([]doomedTable, len(tables))
	for i, t := range tables {
		doomed[i] = doomedTable{Relation: t.Relation, loss: t.Loss}
	}
	return doomed
}

// openLate begins an archive of late rows. One of an earlier attempt, which was rolled back,
// is replaced.
func (g *guardian) openLate(ctx context.Context, conn *pgx.Conn, f migrate.File) (*archiveWriter, error) {
	file, err := wholefile.Replace(latePath(g.archive.Path, f))
	if err != nil {
		return nil, err
	}
	m := g.archive.Manifest
	m.Started = g.o.Now().UTC()
	m.Late = &LateOf{Archive: g.archive.Manifest.File, SHA256: g.archive.SHA256, Version: f.Version}
	m.Tables, m.Sequences, m.File, m.Bytes, m.SHA256 = []SavedTable{}, []SavedSequence{}, "", 0, ""
	now, err := readKnownMoment(ctx, conn)
	if err != nil {
		file.Discard()
		return nil, err
	}
	m.Snapshot, m.Horizon = now.snapshot, now.horizon
	return newArchiveWriter(file, m, g.o.Progress), nil
}

// forgetLate removes what an earlier attempt of the file saved and that is not so any more.
func (g *guardian) forgetLate(f migrate.File) error {
	path := latePath(g.archive.Path, f)
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_ = os.Remove(series.ManifestPath(path)) // says nothing without the archive
	return wholefile.SyncDir(filepath.Dir(path))
}
