package runbook

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/reports"
)

// Backup saves the whole database.
func Backup(ctx context.Context, s *Session) *ops.Run {
	return s.conduct(ctx, "backup", func(ctx context.Context, f *flow) error {
		if err := f.connect(ctx, true); err != nil {
			return err
		}
		if err := f.undisturbed(ctx); err != nil {
			return err
		}
		ref, err := f.dump(ctx)
		if err != nil {
			return err
		}
		f.run.Data = ref.Manifest
		f.run.Next = []string{"prove it: " + f.invocation(fmt.Sprintf("backup restore %s --into %s",
			shellescape.Quote(ref.Path), shellescape.Quote(f.Config.Target.Database+"_check")))}
		return nil
	})
}

// undisturbed refuses while somebody changes the database: pg_dump's locks would
// hold up every ALTER TABLE, and the backup would be of a database half migrated.
func (f *flow) undisturbed(ctx context.Context) error {
	return f.run.Do(ctx, "lock", func(ctx context.Context, s *ops.Step) error {
		schema := f.server.Schema
		if schema == "" {
			schema = "public" // as golang-migrate's lock is named where no schema is
		}
		ids := pg.MigrateLockIDs(f.server.Database, schema, migrate.VersionTable)
		holders, err := pg.Holders(ctx, f.conn, pg.OperatorLockID, ids[0], ids[1])
		if err != nil {
			return nothingChanged(err)
		}
		if len(holders) > 0 {
			return (&pg.BusyError{Holders: holders}).Failure()
		}
		s.Record(finding("lock.free", ops.Pass("nobody is changing this database")))
		return nil
	})
}

// save backs up as a step of a change. A reason for not doing so is a value too,
// and shown.
func (f *flow) save(ctx context.Context, waived string) (migrate.Backup, error) {
	if waived != "" {
		err := f.step(ctx, "backup", func(_ context.Context, s *ops.Step) error {
			s.Record(finding("backup", ops.Skip("no backup: "+waived)))
			return nil
		})
		return migrate.Backup{Waived: waived}, err
	}
	ref, err := f.dump(ctx)
	return migrate.Backup{Path: ref.Path, SHA256: ref.Manifest.SHA256}, err
}

// dump takes the backup and shows it.
func (f *flow) dump(ctx context.Context) (ref backup.Ref, err error) {
	err = f.step(ctx, "backup", func(ctx context.Context, s *ops.Step) error {
		f.openRecord(ctx, s)
		programs, err := f.programs(ctx)
		if err != nil {
			return nothingChanged(err)
		}
		began := time.Now()
		ref, err = backup.Create(ctx, backup.Options{
			Target:      f.Config.Target,
			Dir:         f.Config.BackupDir,
			Programs:    programs,
			Application: f.application("backup"),
			Version:     f.Version,
			Environment: f.Config.Environment,
			Operator:    f.Operator,
			Now:         f.Now,
			Progress:    s.Progress,
		})
		if err != nil {
			return nothingChanged(err)
		}
		f.dumpTook = time.Since(began)
		f.run.Attach(ref.Artifact())
		s.Record(finding("backup", backupResult(ref)))
		return nil
	})
	return ref, err
}

func backupResult(ref backup.Ref) ops.Result {
	m := ref.Manifest
	summary := fmt.Sprintf("%s · %s → %s · %s rows in %d tables · restorable: not yet proven",
		m.File, reports.Bytes(m.RawBytes), reports.Bytes(m.Bytes), reports.Count(m.Rows()), len(m.Tables))
	r := ops.Pass(summary)
	if len(m.Warnings) > 0 {
		r = ops.Warn(summary, "read what pg_dump says")
		for _, w := range m.Warnings {
			r.Evidence = append(r.Evidence, ops.Fact{Value: w})
		}
	}
	if warning, fix := backup.Exposure(filepath.Dir(ref.Path)); warning != "" {
		if len(m.Warnings) == 0 {
			r = ops.Warn(summary, fix)
		}
		r.Evidence = append(r.Evidence, ops.Fact{Value: warning + ": " + fix})
	}
	for _, removed := range ref.Removed {
		r.Evidence = append(r.Evidence, ops.Fact{Value: "removed " + removed + ", which a killed run had left unfinished"})
	}
	return r
}

// RestoreOptions says which backup becomes which database.
type RestoreOptions struct {
	File string
	// Into is the name of the new database, on the target's server.
	Into string
}

// Restore makes a new database of a backup and compares every table's rows with
// the manifest. The database that the settings name need not exist: it may be the
// very one that was lost.
func Restore(ctx context.Context, s *Session, o RestoreOptions) *ops.Run {
	return s.conduct(ctx, "backup restore", func(ctx context.Context, f *flow) error {
		if f.Config.TargetErr != nil {
			return f.Config.TargetErr
		}
		f.changing = true
		return f.run.Do(ctx, "restore", func(ctx context.Context, s *ops.Step) error {
			return f.restore(ctx, s, o)
		})
	})
}

func (f *flow) restore(ctx context.Context, s *ops.Step, o RestoreOptions) error {
	options := backup.RestoreOptions{
		File:        o.File,
		Into:        f.Config.Target.WithDatabase(o.Into),
		Application: f.application("restore"),
		Progress:    s.Progress,
	}
	var err error
	if f.server, err = backup.Server(ctx, options); err != nil {
		return nothingChanged(err)
	}
	if options.Programs, err = f.programs(ctx); err != nil {
		return nothingChanged(err)
	}
	f.openRecord(ctx, s)
	restored, err := backup.Restore(ctx, options)
	for _, r := range restored.Results {
		r.Fix = f.addressed(r.Fix)
		s.Record(r)
	}
	for _, w := range restored.Warnings {
		s.Note(w)
	}
	if err != nil {
		return err
	}
	f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("%s is restored into %s.", o.File, o.Into))
	return nil
}
