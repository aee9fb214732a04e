package rollback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/wholefile"
	"github.com/clipper/clipperops/migrate"
)

const (
	// cleanUpTimeout bounds what must still be done after a cancelled context.
	cleanUpTimeout = 10 * time.Second
	// archiveLockTimeout is how long the archive waits for a table that someone holds
	// exclusively. Nobody waits behind it: it asks for no more than a reader does.
	archiveLockTimeout = time.Minute
	// archiveTries bounds how often the archive begins anew when tables are made or renamed
	// under it, or when it cannot be told of an open transaction which database it was in.
	archiveTries = 5
)

// ArchiveOptions say what is archived and where.
type ArchiveOptions struct {
	Target config.Target
	// Plan is the plan whose down files are going to run.
	Plan *migrate.Plan
	// Also are further tables to archive, which the files change without saying so.
	Also []migrate.Table
	// Dir is where the archive goes; it is made when it is not there.
	Dir string
	// Application is what others see in pg_stat_activity. Default: "clipperops rollback".
	Application string
	// Run, Operator and Tool are noted in the manifest.
	Run, Operator, Tool string
	// LockTimeout is how long to wait for a table that someone holds. Default: a minute.
	LockTimeout time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Progress is told of every table's rows. Default: nobody.
	Progress func(ops.Progress)
}

func (o *ArchiveOptions) complete() {
	if o.Application == "" {
		o.Application = "clipperops rollback"
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = archiveLockTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Archive saves every row of every table that the plan drops or alters, all as of one
// moment, to archive-YYYYMMDD-HHMMSS.zip in UTC, with its manifest beside it. It returns
// when the file has been read back and published under its name; before that there is
// only a .partial, which is removed on any error.
//
// The error is a *ops.Failure; nothing in the database has changed.
func Archive(ctx context.Context, o ArchiveOptions) (ArchiveRef, error) {
	o.complete()
	ref, err := archive(ctx, o)
	if err != nil {
		return ArchiveRef{}, archiveFailure(pg.Cause(ctx, err), o)
	}
	return ref, nil
}

func archive(ctx context.Context, o ArchiveOptions) (ref ArchiveRef, err error) {
	conn, err := pg.Connect(ctx, o.Target, pg.ConnOptions{Application: o.Application, LockTimeout: o.LockTimeout, ReadOnly: true})
	if err != nil {
		return ref, err
	}
	defer closeConn(ctx, conn)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return ref, err
	}
	wholefile.RemoveDead(o.Dir, ours)
	file, err := series.Create(o.Dir, o.Now())
	if err != nil {
		return ref, err
	}
	defer file.Discard()
	doomed, now, err := beginArchive(ctx, conn, o)
	if err != nil {
		return ref, err
	}
	m, err := o.manifest(ctx, conn, now)
	if err != nil {
		return ref, err
	}
	w := newArchiveWriter(file, m, o.Progress)
	if err := w.tables(ctx, conn, doomed); err != nil {
		return ref, err
	}
	if w.manifest.Sequences, err = readSequences(ctx, conn, doomed, o.Plan.Files); err != nil {
		return ref, err
	}
	return w.finish(o.Now())
}

// beginArchive opens the transaction that the archive is read in, and returns the tables to
// save and the moment they are of. They are locked before the snapshot is taken: a TRUNCATE in
// between would leave them empty in it.
func beginArchive(ctx context.Context, conn *pgx.Conn, o ArchiveOptions) ([]doomedTable, moment, error) {
	for try := 1; try <= archiveTries; try++ {
		expected, err := findDoomed(ctx, conn, o.Plan.Files, o.Also)
		if err != nil {
			return nil, moment{}, err
		}
		sql := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
		if len(expected) > 0 {
			sql += "LOCK TABLE " + onlyList(expected) + " IN ACCESS SHARE MODE; "
		}
		if err := script(ctx, conn, sql+"SET LOCAL row_security = off"); err != nil {
			return nil, moment{}, err
		}
		now, err := readMoment(ctx, conn)
		if err != nil {
			return nil, moment{}, err
		}
		doomed, err := findDoomed(ctx, conn, o.Plan.Files, o.Also)
		if err != nil {
			return nil, moment{}, err
		}
		if sameTables(doomed, expected) && (now.unknown == 0 || try == archiveTries) {
			if err := script(ctx, conn, copySettings); err != nil { // only now: search_path finds the tables
				return nil, moment{}, err
			}
			doomed, err = inRestoreOrder(ctx, conn, doomed)
			return doomed, now, err
		}
		if err := script(ctx, conn, "ROLLBACK"); err != nil {
			return nil, moment{}, err
		}
	}
	return nil, moment{}, errors.New("the tables to save are being made or renamed by another session")
}

func sameTables(a, b []doomedTable) bool {
	return slices.EqualFunc(a, b, func(a, b doomedTable) bool { return a.Relation == b.Relation })
}

// copySettings make COPY write values so that they can be read back exactly, and make it
// fail rather than leave out rows that row security hides.
const copySettings = `SET LOCAL row_security = off; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL TimeZone = 'UTC'; SET LOCAL lc_monetary = 'C';
SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL synchronize_seqscans = off`

// script sends SQL without arguments as it stands.
func script(ctx context.Context, conn *pgx.Conn, sql string) error {
	return conn.PgConn().Exec(ctx, sql).Close()
}

func onlyList(tables []doomedTable) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = "ONLY " + t.quoted()
	}
	return strings.Join(names, ", ")
}

func (o ArchiveOptions) manifest(ctx context.Context, conn *pgx.Conn, now moment) (Manifest, error) {
	m := Manifest{
		Format: ManifestFormat, Started: o.Now().UTC(), Run: o.Run, Operator: o.Operator, Tool: o.Tool,
		Database: o.Target.RedactedURL(), From: o.Plan.From, To: o.Plan.To, PlanSHA256: o.Plan.SHA256,
		Snapshot: now.snapshot, Horizon: now.horizon, Tables: []SavedTable{}, Sequences: []SavedSequence{},
	}
	return m, conn.QueryRow(ctx, "SELECT current_setting('server_version')").Scan(&m.Server)
}

// tables saves every table, with what it looked like.
func (w *archiveWriter) tables(ctx context.Context, conn *pgx.Conn, doomed []doomedTable) error {
	schema, err := pg.TakeSnapshot(ctx, conn, pg.SnapshotOptions{})
	if err != nil {
		return err
	}
	for _, d := range doomed {
		t, err := describe(ctx, conn, d)
		if err != nil {
			return err
		}
		if err := w.table(ctx, conn, t, ddlOf(schema, d.Relation), ""); err != nil {
			return err
		}
	}
	return nil
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	_ = conn.Close(limited) // the server ends the session either way
}

// archiveFailure says what kept the rows from being saved. Nothing has been touched yet.
func archiveFailure(err error, o ArchiveOptions) error {
	f := &ops.Failure{
		Code:   ops.CodeOf(err),
		What:   "the rows could not be archived",
		Detail: strings.Split(err.Error(), "\n"),
		State:  []string{"the database is as it was", "no unfinished archive is left in " + o.Dir},
		Err:    err,
	}
	var given *ops.Failure
	if errors.As(err, &given) {
		f.What, f.Detail, f.Next = f.What+": "+given.Error(), given.Detail, given.Next
	}
	var answer *pgconn.PgError
	errors.As(err, &answer)
	switch {
	case errors.Is(err, context.Canceled):
		f.What, f.Detail = "interrupted while the rows were being archived", nil
		f.Next = []string{"run the same command again"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		f.Next = []string{"make room in " + o.Dir + ", or choose another place with BACKUP_DIR"}
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EPERM):
		f.Next = []string{"make " + o.Dir + " writable, or choose another place with BACKUP_DIR"}
	case answer != nil && answer.Code == "55P03":
		f.Next = []string{"see who holds the table: SELECT pid, usename, state, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock');"}
	case answer != nil && answer.Code == "42501":
		f.Next = []string{fmt.Sprintf("connect as the owner of the tables; %s may not read them all", o.Target.User)}
	case len(f.Next) == 0:
		f.Next = []string{"run the same command again"}
	}
	return f
}
